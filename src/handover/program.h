// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs another program, without a shell, and never for longer than it is given. Thread rule: any
// thread. Blocks until the program has ended.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace vmigrate::handover {

struct ProgramEnd {
    int code = 0;      ///< exit code; 128 + the signal that ended it
    std::string said;  ///< the last 4 KiB of its output and errors
};

/// `words` is the program, by its path, and its arguments; `input` its standard input. At `limit`
/// it is killed, with what it has started unless that left its process group.
/// Errors: not_found (cannot be run), unreachable (killed at the limit).
Result<ProgramEnd> run_program(const std::vector<std::string>& words, std::string_view input,
                               milliseconds limit);

}  // namespace vmigrate::handover
