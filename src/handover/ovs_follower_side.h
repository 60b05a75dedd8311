// SPDX-License-Identifier: GPL-2.0-or-later
//
// OvsFollower: what is known of one switch, and how far the copies are. Monitor, connection and
// Copies belong to the follower's thread, see there for the rest.
#pragma once

#include <deque>
#include <set>

#include "handover/ovs_follower.h"

namespace vmigrate::handover {

struct OvsFollower::Side {
    /// What corrects more often than this fights with somebody: the rest waits for its end.
    static constexpr unsigned corrections_per_second = 1000;

    Side(const OvsHost& host, milliseconds timeout, netflow::FlowMonitor::Wanted wanted)
        : name(host.name),
          endpoint(host.openflow),
          monitor(host.openflow, {}, timeout, std::move(wanted)) {}

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

/// See ovs_copies.cc.
struct OvsFollower::Copies {
    std::deque<netflow::FlowMod> to_write;
    TimePoint next_write;
    TimePoint next_round;
    bool begun = false;     ///< the first round has
    bool in_round = false;  ///< otherwise: until next_round
    bool round_is_over = false;
    bool surroundings_changed = true;  ///< since the last round began
    bool all_anew = false;             ///< so in this round all copies are made anew
    netflow::Walk originals;

    void write(std::vector<netflow::FlowMod> changes) {
        std::ranges::move(changes, std::back_inserter(to_write));
    }
    TimePoint due() const {
        if (!to_write.empty()) {
            return next_write;
        }
        return in_round ? TimePoint() : next_round;
    }
};

}  // namespace vmigrate::handover
