// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the verifier in a guest says on its console (lab/guest/status.h). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace vmigrate::verify {

/// All of it counts from the guest's boot.
struct GuestStatus {
    std::string boot;  ///< another one: the guest was started again
    std::uint64_t sequence = 0;
    bool ready = false;                 ///< all is filled, and the workload runs
    std::vector<std::uint64_t> passes;  ///< whole checks: of the memory, then of each disk
    Bytes verified;
    std::uint64_t errors = 0;
};

/// Nothing: the line is something else, or what is left of one.
std::optional<GuestStatus> read_status(std::string_view line);

/// What the verifier found, "old: memory page 5: ..."; nothing: the line is something else.
std::optional<std::string> read_bug(std::string_view line);

/// Everything was checked once from begin to end after `then`: the pass that was under way then
/// does not count.
bool checked_since(const GuestStatus& then, const GuestStatus& now);

}  // namespace vmigrate::verify
