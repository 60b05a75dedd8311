// SPDX-License-Identifier: GPL-2.0-or-later
//
// `start --detach`: the work goes on in a child process; the parent waits until the child says
// that the migration has started (or ends with its messages and exit code when it does not).
//
// REQUIRES: called before the process has threads or connections.
#pragma once

#include <cstdint>
#include <functional>

namespace vmigrate::cli {

/// Runs `work` in a child. `work` gets a function to call once with the migration's id; after that
/// call the child's standard streams lead nowhere. Returns in the parent only: the exit code, 0
/// when the migration started; then `*id` is its number.
int run_detached(const std::function<int(std::function<void(std::int64_t)>)>& work,
                 std::int64_t* id);

}  // namespace vmigrate::cli
