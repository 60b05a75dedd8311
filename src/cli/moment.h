// SPDX-License-Identifier: GPL-2.0-or-later
//
// A point in time as people write it on a command line. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "base/units.h"

namespace vmigrate::cli {

/// "2026-11-27", "2026-11-27T10:20" or "2026-11-27T10:20:30Z", in UTC as `history` prints times, or
/// an age: "90s", "12h", "7d". Error (usage), which begins with `option`.
Result<WallTime> parse_moment(const std::string& option, const std::string& text, WallTime now);

}  // namespace vmigrate::cli
