// SPDX-License-Identifier: GPL-2.0-or-later
//
// For checks of the network back end "ovs" against the real bridges a, b and c of
// tests/lab/switches-common.sh. Nobody runs a guest: it is port 5 of a and port 9 of b.
#pragma once

#include <algorithm>
#include <map>
#include <thread>

#include "flow_scene.h"
#include "handover/ovs.h"
#include "must.h"

namespace three_switches {

using namespace scene;
using namespace vmigrate::handover;

inline std::string directory;  ///< with the sockets of all three

class Registry final : public LocationRegistry {
  public:
    Result<std::optional<Location>> find(const std::string& guest) override {
        const auto found = places.find(guest);
        return found == places.end() ? std::optional<Location>() : found->second;
    }
    Result<void> remember(const std::string& guest, const Location& location) override {
        places[guest] = location;
        return {};
    }
    std::map<std::string, Location> places;
};

inline OvsHost host(const std::string& name, Ipv4 address) {
    OvsHost result;
    result.name = name;
    result.openflow = MUST(parse_endpoint("unix:" + directory + "/" + name + "/" + name + ".mgmt"));
    result.ovsdb = MUST(parse_endpoint("unix:" + directory + "/" + name + "/db.sock"));
    result.bridge = name;
    result.tunnel_address = address;
    return result;
}

inline OvsTask task(const std::string& from, const std::string& to) {
    const std::map<std::string, Ipv4> all{{"a", ip_a}, {"b", ip_b}, {"c", ip_c}};
    OvsTask result;
    result.guest_uuid = "guest";
    result.nics = {{mac(1), "guest-card"}};
    for (const auto& [name, address] : all) {
        if (name == from) {
            result.source = host(name, address);
        } else if (name == to) {
            result.destination = host(name, address);
        } else {
            result.peers.push_back(host(name, address));
        }
    }
    result.times.relay_idle = seconds(1);
    result.times.alarm = seconds(2);
    return result;
}

inline Switch connect(const std::string& name) {
    return MUST(Switch::connect(host(name, {}).openflow, seconds(5)));
}

inline std::string dump(const std::string& name, const FlowFilter& filter = {}) {
    std::string text;
    for (const auto& one : MUST(connect(name).dump_flows(filter))) {
        text += format(one.flow) + "\n";
    }
    return text;
}

inline std::string ours(const std::string& name) {
    FlowFilter filter;
    filter.cookies = own_flows();
    return dump(name, filter);
}

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

template <class Condition>
bool soon(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) {
            return false;
        }
        std::this_thread::sleep_for(milliseconds(10));
    }
    return true;
}

inline void put(const std::string& name, const Flow& one) {
    MUST(connect(name).change(FlowMod::add(one)));
}

inline const Flow at_a_by_tunnel = flow(from_tunnel(mac(1)), to_port(Port{5}));
inline const Flow at_a_from_neighbour = flow(from_port(Port{2}, mac(1)), to_port(Port{5}));
inline const Flow at_a_to_neighbour = flow(from_port(Port{5}, mac(2)), to_port(Port{2}));
inline const Flow at_b_sender = flow(from_port(Port{4}, mac(1)), by_tunnel(ip_a));
inline const Flow at_c_sender = flow(from_port(Port{3}, mac(1)), by_tunnel(ip_a));

/// Flows as a controller leaves them while the guest is on a.
inline void settle_on_a() {
    for (const auto* name : {"a", "b", "c"}) {
        MUST(connect(name).change(FlowMod::remove_all({})));
    }
    put("a", at_a_by_tunnel);
    put("a", at_a_from_neighbour);
    put("a", at_a_to_neighbour);
    put("b", at_b_sender);
    put("c", at_c_sender);
}

}  // namespace three_switches
