// SPDX-License-Identifier: GPL-2.0-or-later
//
// Several recoveries at once: one that waits, for its migration or for a host that does not answer,
// keeps none of the others.
#pragma once

#include <vector>

#include "cli/recovery.h"
#include "cli/signals.h"

namespace vmigrate::cli {

/// Prints one line for each, in the order in which they end, or JSON objects that all have the
/// migration's id; returns the worst exit code. A signal asks all of them to abort.
/// Thread rule: blocks its thread until the last has ended.
int recover_all(const Config& config, const std::vector<history::Entry>& entries,
                const RecoveryRules& rules, bool json, Interrupts& interrupts);

/// The worse of two exit codes: a person to look, then what was not touched, then problems, then
/// what did not move.
int worse(int one, int other);

}  // namespace vmigrate::cli
