// SPDX-License-Identifier: GPL-2.0-or-later
//
// What will become of an evacuation if all goes as predicted: the evacuation itself, played in
// thought. For --dry-run, for the check of a deadline before the start and for what is shown while
// it runs. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fleet/evacuation.h"

namespace vmigrate::fleet {

struct GuestForecast {
    Standing standing;                     ///< at the end
    std::optional<milliseconds> begins{};  ///< from now; nothing: it does not, or has begun
    std::optional<milliseconds> ends{};    ///< from now; nothing: it does not move
    bool hurried = false;
    bool in_time = true;  ///< moved before the deadline, if there is one
    /// Why it does not move, or not in time: "its turn comes after 7 others", "it has 64.0 GiB to
    /// send, and takes 9 m 10 s", "no place: ...".
    std::string reason;
};

struct EvacuationForecast {
    std::vector<GuestForecast> guests;  ///< that have no verdict yet, in the order of their ends
    milliseconds total{};               ///< from now until the last one has moved
    /// No order and no placement could be faster: what links, limits and bandwidth allow.
    milliseconds bound{};
    /// "38 of 40 guests will have moved after 12 m 3 s", "... will make it in 2 h"
    std::string summary;
};

/// `evacuation` as it stands at `now`; before it has begun, too.
EvacuationForecast forecast(const Evacuation& evacuation, TimePoint now);

}  // namespace vmigrate::fleet
