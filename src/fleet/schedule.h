// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whose turn it is, and how soon all could be done at best. Pure; any thread.
#pragma once

#include <algorithm>
#include <compare>
#include <optional>
#include <vector>

#include "fleet/evacuation.h"

namespace vmigrate::fleet {

/// The lower goes first.
struct Turn {
    double rank = 0;          ///< by the order that is wanted
    milliseconds expected{};  ///< alone on its links: the shorter one first, where ranks are equal
    auto operator<=>(const Turn&) const = default;
};
Turn turn_of(const Guest& guest, Order order, milliseconds expected);

/// A move that is to be made.
struct Transfer {
    HostId from = 0;
    std::optional<HostId> to;  ///< where that is not to be chosen
    Load load;
};

/// No order and no choice of places could be faster than this.
struct Bound {
    /// All bytes through the links, out of each host and into all that take guests (or the one they
    /// must go to), and through the budget; none of it ever idle.
    milliseconds links{};
    /// With the limits of moves at the same time, set-up included; and the longest move by itself.
    milliseconds limits{};
    milliseconds total() const { return std::max(links, limits); }
};

/// `hosts` by their number; those that take nobody have `most_in` 0. `bandwidth`, `most_parallel`
/// as in Rules.
Bound bound_of(const std::vector<Transfer>& transfers, const std::vector<Host>& hosts,
               BytesPerSecond bandwidth, unsigned most_parallel);

}  // namespace vmigrate::fleet
