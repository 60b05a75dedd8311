// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a guest needs of a host, in the words of the fleet, from the checks that `vmigrate plan`
// makes of it on each host. Pure; any thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/plan.h"

namespace vmigrate::cli {

/// A host looked at as destination of one guest.
struct Sight {
    DestinationFacts facts;
    std::vector<Check> checks;
};

struct GuestNeeds {
    std::set<std::string> needs;  ///< "bridge br0"
    /// Host -> those of the needs that it has not. Hosts that were not looked at are not in it.
    std::map<std::string, std::set<std::string>> lacks;
    std::string unmovable;  ///< why it can go nowhere at all; empty: it can
};

/// What would be another answer in a moment is no need: memory, a job that runs, somebody else's
/// migration.
GuestNeeds needs_of(const GuestFacts& guest, const std::vector<Sight>& sights);

/// "cpu Skylake-Server", "cpu host-passthrough".
std::string processor_need(const std::string& cpu_xml);

}  // namespace vmigrate::cli
