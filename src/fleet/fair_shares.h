// SPDX-License-Identifier: GPL-2.0-or-later
//
// Divides links among the moves that use them, as TCP streams do it by themselves and as a budget
// for all of them asks for: weighted max-min fair ("progressive filling", Bertsekas and Gallager,
// Data Networks, 6.5.2): all shares grow together, each in proportion to its weight, until a link
// or the budget is full, those that use it stop there, and the others go on. So nobody could get
// more without somebody who has less for his weight getting still less. Pure; any thread.
#pragma once

#include <vector>

#include "base/units.h"

namespace vmigrate::fleet {

/// A move from one host to another, by their numbers.
struct Stream {
    std::size_t from = 0;
    std::size_t to = 0;
    double weight = 1;  ///< above 0
};

/// One share for each stream. `links`: of each host, the same out and in; 0 = no limit. `total`: of
/// all streams together; 0 = no limit. A share of 0 = nothing limits it.
std::vector<BytesPerSecond> fair_shares(const std::vector<Stream>& streams,
                                        const std::vector<BytesPerSecond>& links,
                                        BytesPerSecond total);

}  // namespace vmigrate::fleet
