// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was measured lately of a guest and its hosts, so that it is not measured again: members of
// the plan's JSON, of which others are ignored. Pure; any thread.
#pragma once

#include <map>
#include <string>

#include "orchestrator/facts.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

struct Measured {
    MemoryFacts memory;
    std::map<std::string, double> idle_cpus;  ///< by host
};

/// What is not in it is not known. Error (usage): no JSON object, or a member that cannot be.
Result<Measured> measured_from_json(const std::string& text);
Json to_json(const Measured& measured);

}  // namespace vmigrate::cli
