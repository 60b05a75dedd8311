// SPDX-License-Identifier: GPL-2.0-or-later
//
// For checks of the network back end "ovs" against the real bridges a, b and c of
// tests/lab/switches-common.sh. Nobody runs a guest: it is port 5 of a and port 9 of b.
#pragma once

#include <algorithm>

#include "netflow/bridges.h"

namespace three_switches {

using namespace bridges;
using namespace vmigrate::handover;

inline OvsTask task(const std::string& from, const std::string& to) {
    auto result = bridges::task({{"a", ip_a}, {"b", ip_b}, {"c", ip_c}}, from, to);
    result.times.alarm = seconds(2);
    return result;
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
