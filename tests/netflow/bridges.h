// SPDX-License-Identifier: GPL-2.0-or-later
//
// For the programs that drive the network back end "ovs" against real bridges: how they are reached
// and looked at. A bridge's name is that of its folder in `directory`, and of its host.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "flow_scene.h"
#include "handover/ovs.h"
#include "netflow/must.h"

namespace bridges {

using namespace scene;
using handover::Ovs;
using handover::OvsHost;
using handover::OvsTask;

inline std::string directory;  ///< with the sockets of all

/// Any thread: several moves may use it.
class Registry final : public LocationRegistry {
  public:
    Result<std::optional<Location>> find(const std::string& guest) override {
        const std::scoped_lock lock(mutex_);
        const auto found = places.find(guest);
        return found == places.end() ? std::optional<Location>() : found->second;
    }
    Result<void> remember(const std::string& guest, const Location& location) override {
        const std::scoped_lock lock(mutex_);
        places[guest] = location;
        return {};
    }
    Result<void> leave(const std::string& guest, const Location& location,
                       const std::string& text) override {
        const std::scoped_lock lock(mutex_);
        remains = text;
        places[guest] = location;
        return {};
    }
    Result<void> drained(const std::string&, const Location&, const DrainReport& told) override {
        const std::scoped_lock lock(mutex_);
        report = told;
        return {};
    }
    /// While no move uses it.
    std::map<std::string, Location> places;
    std::string remains;
    DrainReport report;

  private:
    std::mutex mutex_;
};

inline OvsHost host(const std::string& name, Ipv4 tunnel_end) {
    OvsHost result;
    result.name = name;
    result.openflow = MUST(parse_endpoint("unix:" + directory + "/" + name + "/" + name + ".mgmt"));
    result.ovsdb = MUST(parse_endpoint("unix:" + directory + "/" + name + "/db.sock"));
    result.bridge = name;
    result.tunnel_address = tunnel_end;
    return result;
}

/// Of the guest with the card mac(1); all of the others are peers.
inline OvsTask task(const std::map<std::string, Ipv4>& tunnel_ends, const std::string& from,
                    const std::string& to) {
    OvsTask result;
    result.guest_uuid = "guest";
    result.nics = {{mac(1), "guest-card"}};
    for (const auto& [name, end] : tunnel_ends) {
        if (name == from) {
            result.source = host(name, end);
        } else if (name == to) {
            result.destination = host(name, end);
        } else {
            result.peers.push_back(host(name, end));
        }
    }
    result.times.relay_idle = seconds(1);
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

}  // namespace bridges
