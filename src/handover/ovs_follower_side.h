// SPDX-License-Identifier: GPL-2.0-or-later
//
// OvsFollower: what is known of one switch. Monitor and connection belong to the follower's thread,
// see there for the rest.
#pragma once

#include <set>

#include "handover/ovs_follower.h"

namespace vmigrate::handover {

struct OvsFollower::Side {
    /// What corrects more often than this fights with somebody: the rest waits for its end.
    static constexpr unsigned corrections_per_second = 1000;

    Side(const OvsHost& host, milliseconds timeout)
        : name(host.name), endpoint(host.openflow), monitor(host.openflow, {}, timeout) {}

    std::string name;
    netflow::Endpoint endpoint;
    netflow::FlowMonitor monitor;
    std::optional<netflow::Switch> writer;
    bool unsettled = false;      ///< what was written may not be in effect yet
    netflow::FlowTable flows;    ///< those that view() shows
    netflow::FlowTable guarded;  ///< what is put back
    std::unordered_map<netflow::FlowKey, netflow::FlowMod, netflow::FlowKeyHash> late;
    std::set<netflow::Port> ports;
    unsigned corrections_left = corrections_per_second;
    std::uint64_t corrections = 0;
};

}  // namespace vmigrate::handover
