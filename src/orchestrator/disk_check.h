// SPDX-License-Identifier: GPL-2.0-or-later
//
// verify-disks: a guest whose disks were copied arrives paused, and runs only when each copy is
// known to be what the source has. Shared by the runner and by recover. Everything here is
// idempotent; nothing here ends a guest or removes anything.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/runner.h"

namespace vmigrate {

/// What the journal says of an earlier comparison, or what one has found.
enum class DiskFinding { not_known, equal, differ };
std::string_view name_of(DiskFinding finding);

struct DiskCheck {
    DiskFinding finding = DiskFinding::not_known;
    std::string what;  ///< in words, which disk and where; empty when equal
    DiskMeasures measures;
};

/// The detail of Step::compare_disks, JSON; a text that is none is not_known.
std::string to_text(const DiskCheck& check);
DiskCheck disk_check_from(const std::string& text);

struct ArrivalRules {
    std::string source;  ///< the hosts, for the texts
    std::string destination;
    std::vector<VolumeMove> volumes;  ///< copied
    bool resume = true;               ///< false: it was paused before, or is to be
    DiskCheck known;                  ///< of an earlier comparison
};

struct Arrival {
    bool goes_on = false;  ///< false: it stands still there, and `reason` says why and what to do
    std::string reason;
    std::vector<std::string> problems;
    bool may_remove_source_disks = false;
    DiskCheck check;
};

/// Compares, unless that was done, and lets the guest run on the destination when all is equal. On
/// any doubt nothing is changed. A guest that runs there already is not stopped: then the source's
/// disks have to stay, which is a problem that is named.
/// REQUIRES: the source has no process of the guest, as far as the daemons tell.
Arrival let_in(const ArrivalRules& rules, const Edges& edges);

}  // namespace vmigrate
