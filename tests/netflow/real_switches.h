// SPDX-License-Identifier: GPL-2.0-or-later
//
// For the programs that drive the back end "ovs" against the switches of tests/lab/moves-common.sh:
// a, b and c are hosts, p is a peer. A guest's card, 52:54:00:00:00:01, is a port of each host; on
// each switch port 2 is that of a sender.
#pragma once

#include <map>
#include <string>
#include <thread>

#include "flow_scene.h"
#include "handover/ovs.h"
#include "netflow/must.h"

namespace vmigrate::test {

using namespace scene;
using handover::Ovs;
using handover::OvsHost;
using handover::OvsTask;

inline std::string directory;  ///< one for each switch in it
inline const Port sender_port{2};

struct Place {
    Ipv4 tunnel_end;
    Port guest = Port::any;  ///< of its card; of p, which is no host, there is none
    Mac sender;
};
inline const std::map<std::string, Place>& places() {
    static const std::map<std::string, Place> all{{"a", {{{10, 78, 0, 1}}, Port{5}, mac(0x21)}},
                                                  {"b", {{{10, 78, 0, 2}}, Port{9}, mac(0x22)}},
                                                  {"c", {{{10, 78, 0, 3}}, Port{7}, mac(0x23)}},
                                                  {"p", {{{10, 78, 0, 4}}, Port::any, mac(0x24)}}};
    return all;
}

class Registry final : public LocationRegistry {
  public:
    Result<std::optional<Location>> find(const std::string& guest) override {
        const auto found = known.find(guest);
        return found == known.end() ? std::optional<Location>() : found->second;
    }
    Result<void> remember(const std::string& guest, const Location& location) override {
        known[guest] = location;
        return {};
    }
    std::map<std::string, Location> known;
};

inline OvsHost host(const std::string& name) {
    OvsHost result;
    result.name = name;
    result.openflow = MUST(parse_endpoint("unix:" + directory + "/" + name + "/" + name + ".mgmt"));
    result.ovsdb = MUST(parse_endpoint("unix:" + directory + "/" + name + "/db.sock"));
    result.bridge = name;
    result.tunnel_address = places().at(name).tunnel_end;
    return result;
}

inline OvsTask task(const std::string& from, const std::string& to) {
    OvsTask result;
    result.guest_uuid = "guest";
    result.nics = {{mac(1), "guest-card"}};
    result.source = host(from);
    result.destination = host(to);
    for (const auto& [name, place] : places()) {
        if (name != from && name != to) {
            result.peers.push_back(host(name));
        }
    }
    result.times.relay_idle = seconds(1);
    result.times.alarm = seconds(20);
    return result;
}

inline Switch connect(const std::string& name) {
    return MUST(Switch::connect(host(name).openflow, seconds(5)));
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

inline Flow from_sender(Ipv4 guest_at) {
    return flow(from_port(sender_port, mac(1)), by_tunnel(guest_at));
}

/// Flows as a controller leaves them while the guest is on a.
inline void settle_on_a() {
    const auto& home = places().at("a");
    for (const auto& [name, place] : places()) {
        auto it = connect(name);
        MUST(it.change(FlowMod::remove_all({})));
        auto to_sender = flow(from_port(home.guest, place.sender), by_tunnel(place.tunnel_end));
        if (name == "a") {
            to_sender.instructions = Instructions::apply(to_port(sender_port));
            MUST(it.change(FlowMod::add(flow(from_tunnel(mac(1)), to_port(home.guest)))));
            MUST(
                it.change(FlowMod::add(flow(from_port(sender_port, mac(1)), to_port(home.guest)))));
        } else {
            MUST(it.change(FlowMod::add(from_sender(home.tunnel_end))));
            MUST(it.change(FlowMod::add(flow(from_tunnel(place.sender), to_port(sender_port)))));
        }
        MUST(connect("a").change(FlowMod::add(to_sender)));
    }
}

}  // namespace vmigrate::test
