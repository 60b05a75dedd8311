// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which disks are copied, into which volumes, and which are left alone because the destination
// reaches them. Pure.
#pragma once

#include <vector>

#include "orchestrator/plan.h"

namespace vmigrate {

struct StoragePlan {
    StorageMode mode = StorageMode::shared;  ///< never automatic
    std::vector<VolumeMove> volumes;         ///< disks to copy
    std::vector<Check> checks;               ///< one for each disk: "disk vda"
    /// Every disk that is not copied is known to be the same storage on both hosts.
    bool surely_shared = true;
};

/// How long it takes, about, to compare these disks with their copies. Holes are not read.
milliseconds comparison_time(const std::vector<VolumeMove>& volumes, const GuestFacts& guest);

StoragePlan plan_storage(const Request& request, const GuestFacts& guest,
                         const DestinationFacts& destination);

}  // namespace vmigrate
