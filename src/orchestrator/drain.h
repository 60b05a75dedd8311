// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is known of a drain: the time after a move in which the network still brings traffic to the
// source, which relays it. JSON, SQL and the man pages use these words. Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace vmigrate {

enum class DrainState {
    draining,   ///< under way, or broken off
    drained,    ///< nothing came by the source any more
    overtaken,  ///< a later move of the guest began, and sees to its traffic
    alarm       ///< it had to relay for too long
};
std::string_view name_of(DrainState state);
std::optional<DrainState> drain_state_named(std::string_view name);

struct DrainReport {
    DrainState state = DrainState::draining;
    std::uint64_t relayed_packets = 0;
    std::optional<milliseconds> quiet_after;  ///< from its begin to the last of them
    std::vector<std::string> stale_senders;   ///< who still sent to the source at the alarm
    std::vector<std::string> problems;
    friend bool operator==(const DrainReport&, const DrainReport&) = default;
};

}  // namespace vmigrate
