// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything between the lease and the libvirt call: network locked, QEMU's settings saved, volumes
// made. Each step is journalled before it is taken.
#pragma once

#include "orchestrator/settle.h"

namespace vmigrate {

/// `leftovers` tells what there is to take back, also after an Error.
Result<void> prepare(const Plan& plan, const Edges& edges, Leftovers& leftovers);

}  // namespace vmigrate
