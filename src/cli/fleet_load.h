// SPDX-License-Identifier: GPL-2.0-or-later
//
// How long a guest's move takes, for the fleet: from the plan that `vmigrate start` would make of
// it, so that what compression, zero pages and disks mean is the same. Pure; any thread.
#pragma once

#include "fleet/model.h"
#include "orchestrator/plan.h"

namespace vmigrate::cli {

/// `fixed`: whatever the bandwidth, without the disks.
fleet::Load load_of(const Plan& plan, milliseconds fixed);

}  // namespace vmigrate::cli
