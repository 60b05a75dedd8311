// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flows as a reactive controller writes them, and a guest that moves from bridge a to bridge b.
#pragma once

#include "netflow/flow_sync.h"

namespace scene {

using namespace vmigrate;
using namespace vmigrate::netflow;

inline const Port tunnel{64200};
inline const TunnelId vni{100};
inline const Ipv4 ip_a{{10, 0, 0, 1}};
inline const Ipv4 ip_b{{10, 0, 0, 2}};
inline const Ipv4 ip_c{{10, 0, 0, 3}};

inline Mac mac(std::uint8_t number) {
    return {{0x52, 0x54, 0, 0, 0, number}};
}

/// The guest has the address 1; port 5 on a, port 9 on b.
inline Move a_to_b() {
    return {{"a", ip_a}, {"b", ip_b}, {{mac(1), vni, Port{5}, Port{9}}}, 7, 1};
}

inline Flow flow(const Match& match, const Actions& actions) {
    Flow result;
    result.priority = 60050;
    result.cookie = {0x5d4c0001};
    result.match = match;
    result.instructions = Instructions::apply(actions);
    result.idle_timeout = seconds(300);
    return result;
}

inline Match from_port(Port port, Mac to) {
    return Match().set(field::in_port, port).set(field::eth_dst, to);
}
inline Match from_tunnel(Mac to) {
    return from_port(tunnel, to).set(field::tunnel_id, vni);
}
inline Actions to_port(Port port) {
    return Actions().output(port);
}
inline Actions by_tunnel(Ipv4 end) {
    return Actions().set_field(field::tunnel_id, vni).set_field(field::tun_dst, end).output(tunnel);
}

inline FlowTable table(const FlowList& flows) {
    FlowTable result;
    for (const auto& one : flows) {
        result.emplace(FlowKey::of(one), one);
    }
    return result;
}

/// Nobody else lives on b; all ports below 20 are there.
inline Surroundings empty_b() {
    return {[](Mac) { return std::optional<Port>(); }, [](Port port) { return port < Port{20}; }};
}

inline std::string text(const std::vector<FlowMod>& changes) {
    std::string result;
    for (const auto& change : changes) {
        result += format(change) + "\n";
    }
    return result;
}

inline std::string text(const std::vector<Step>& steps) {
    std::string result;
    for (const auto& step : steps) {
        result += format(step);
    }
    return result;
}

}  // namespace scene
