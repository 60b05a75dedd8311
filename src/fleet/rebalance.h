// SPDX-License-Identifier: GPL-2.0-or-later
//
// Evens out what hosts carry (distributed resource scheduling): proposes moves, one after another,
// each the one that helps most, and stops when none helps much. Needs, groups, memory and hosts
// that are closed are respected as in an evacuation; guests that have to be together stay. Pure;
// any thread.
#pragma once

#include <string>
#include <vector>

#include "fleet/model.h"

namespace vmigrate::fleet {

struct RebalanceRules {
    unsigned most_moves = 20;
    /// A move has to take away so much of the imbalance that there was at first.
    unsigned least_gain_percent = 2;
    /// Hosts whose loads differ by so little are balanced.
    unsigned tolerance_percent = 5;
    unsigned headroom_percent = 5;
};

struct Proposal {
    std::string uuid;
    std::string name;
    std::string from;
    std::string to;
    milliseconds expected{};  ///< time of the move
    std::string effect;       ///< "host1: memory 92 % to 84 %, CPU 70 % to 55 %; host4: ..."
};

struct Rebalance {
    std::vector<Proposal> moves;  ///< in the order in which they are to be made
    /// Standard deviation of the loads of hosts, memory and CPU taken together, in percent.
    double imbalance_before = 0;
    double imbalance_after = 0;
};

Rebalance rebalance(const Fleet& fleet, const RebalanceRules& rules = {});

}  // namespace vmigrate::fleet
