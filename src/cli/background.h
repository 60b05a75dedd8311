// SPDX-License-Identifier: GPL-2.0-or-later
//
// Another vmigrate that goes on when this process has ended: a transient unit where systemd runs
// the machine, else a process with a session of its own. Thread rule: any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace vmigrate::cli {

struct Background {
    std::vector<std::string> words;  ///< after the program's name
    std::string unit;                ///< its name without ".service"
    std::string description;
    std::string log;  ///< what it has to say, where there is no systemd
};

/// Returns once it is on its way; whether it comes up is for the caller to see.
/// Errors: config (the log cannot be written), internal.
Result<void> start_in_background(const Background& what);

/// This program with `words`, as a child in a session of its own, which goes on when this process
/// has ended. What it has to say goes to the two files (borrowed until the return). Gives its
/// process id, to be waited for.
Result<int> start_in_own_session(const std::vector<std::string>& words, int output, int errors);

}  // namespace vmigrate::cli
