// SPDX-License-Identifier: GPL-2.0-or-later
//
// What people read: plans, checks and the report of a migration, as text. Pure except print_line;
// any thread.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/json.h"

namespace vmigrate::cli {

/// One object as one line on stdout, at once.
void print_line(const Json& json);

/// One line for each check with its fix below it when it did not pass.
std::string checks_text(const std::vector<Check>& checks, bool colour);

/// The whole plan: checks, QEMU, choices, prediction with its reasons, verdict.
std::string plan_text(const Plan& plan, bool colour);

/// What `start` says before it acts: where to, what was chosen, the prediction in one line.
std::string plan_summary(const Plan& plan);

/// The six measures of a migration with what was asked and what was predicted beside them.
/// `plan` is the stored form of the plan; members that it lacks are left out.
std::string measures_text(const Measures& measures, const Json& plan);

/// "Moved 'web1' from a to b", or why it did not, with the problems by name.
std::string outcome_text(const Record& record, const Json& plan);

}  // namespace vmigrate::cli
