// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the process returns: the one place that turns errors, plans and outcomes into exit codes.
// The table is in vmigrate(1). Pure; any thread.
#pragma once

#include "orchestrator/plan.h"
#include "orchestrator/types.h"

namespace vmigrate::cli {

constexpr int kExitDone = 0;
constexpr int kExitStays = 1;     ///< failed or aborted, the guest runs on the source
constexpr int kExitUsage = 2;     ///< usage or configuration error
constexpr int kExitBlocked = 3;   ///< nothing was touched
constexpr int kExitProblems = 4;  ///< moved, with named problems
constexpr int kExitUnknown = 5;   ///< a person must look
constexpr int kExitPartly = 6;    ///< of an evacuation: some guests moved, some did not
constexpr int kExitDiverges = 7;  ///< will not converge within the limits
constexpr int kExitInterrupted = 130;

/// Errors come only from before anything was touched; what fails later is in a Record.
int exit_code(const Error& error);
int exit_code(Outcome outcome);
int exit_code(const Record& record);
/// Of `plan`, and of `start` before it touches anything: 0, 3 or 7.
int exit_code(const Plan& plan);

}  // namespace vmigrate::cli
