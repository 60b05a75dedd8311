// SPDX-License-Identifier: GPL-2.0-or-later
//
// Carries out a Plan: the phase machine, fed by events, deciding through policies, acting through
// the edges. It returns when the guest has moved, or runs on the source with everything undone, or
// when nobody can tell. It never destroys a guest.
#pragma once

#include "base/clock.h"
#include "orchestrator/events.h"
#include "orchestrator/handover.h"
#include "orchestrator/hypervisor.h"
#include "orchestrator/journal.h"
#include "orchestrator/network_probe.h"
#include "orchestrator/plan.h"
#include "orchestrator/status.h"
#include "orchestrator/workload_counter.h"

namespace vmigrate {

struct Edges {
    Hypervisor& hypervisor;
    NetworkHandover& network;
    Journal& journal;
    Status& status;
    EventSource& events;
    const Clock& clock;
    NetworkProbe* probe = nullptr;        ///< null: nobody asks the guest whether it is there
    WorkloadCounter* workload = nullptr;  ///< null: nobody counts what the guest gets done
};

/// REQUIRES: !plan.blocked(). Thread rule: blocks its thread until the end.
/// Errors (nothing was touched): busy (lease), storage (history cannot be written).
/// Any later failure is in the Record.
Result<Record> run(const Plan& plan, const Edges& edges);

}  // namespace vmigrate
