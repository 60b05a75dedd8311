// SPDX-License-Identifier: GPL-2.0-or-later
//
// For the programs that drive the back end "ovs" against the switches of tests/lab/moves-common.sh:
// a, b and c are hosts, p is a peer. A guest's card, 52:54:00:00:00:01, is a port of each host; on
// each switch port 2 is that of a sender.
#pragma once

#include <cstdlib>
#include <map>
#include <string>

#include "netflow/bridges.h"

namespace vmigrate::test {

using namespace bridges;

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

inline OvsHost host(const std::string& name) {
    return bridges::host(name, places().at(name).tunnel_end);
}

inline OvsTask task(const std::string& from, const std::string& to) {
    std::map<std::string, Ipv4> tunnel_ends;
    for (const auto& [name, place] : places()) {
        tunnel_ends[name] = place.tunnel_end;
    }
    auto result = bridges::task(tunnel_ends, from, to);
    result.times.alarm = seconds(20);
    return result;
}

inline Flow from_sender(Ipv4 guest_at) {
    return flow(from_port(sender_port, mac(1)), by_tunnel(guest_at));
}

/// A switch goes on for a while as its flows were, and drops what it dropped: it forgets that.
inline void forget_what_was(const std::string& name) {
    const auto command =
        "OVS_RUNDIR=" + directory + "/" + name + " ovs-appctl -t ovs-vswitchd revalidator/purge";
    CHECK(std::system(command.c_str()) == 0);
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
    for (const auto& [name, place] : places()) {
        forget_what_was(name);
    }
}

}  // namespace vmigrate::test
