// SPDX-License-Identifier: GPL-2.0-or-later
//
// From a Plan to a Record on the real hosts: the part that every command shares that moves a guest
// in its own process. Thread rule: main thread, which is blocked until the migration is over.
#pragma once

#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/planning.h"
#include "cli/signals.h"
#include "history/store.h"
#include "orchestrator/events.h"
#include "orchestrator/network_probe.h"
#include "orchestrator/status.h"
#include "orchestrator/workload_counter.h"

namespace vmigrate::cli {

/// What it takes beside the plan. All borrowed.
struct Means {
    const Config& config;
    history::Store& store;
    EventQueue& events;  ///< of this migration alone
    Interrupts& interrupts;
    Status& status;
    const Clock& clock;
    bool wait_drain = false;        ///< return only when the source relays no more for the guest
    NetworkProbe* probe = nullptr;  ///< null: nobody asks the guest meanwhile
    WorkloadCounter* workload = nullptr;  ///< null: nobody counts what it gets done
};

/// Signals are a polite abort from here on, until the next call or `interrupts` are told otherwise.
/// Error: it did not begin, nothing was touched. REQUIRES: exit_code(planned.plan) is 0.
Result<Record> carry_out(const Planned& planned, const Means& means);

/// Why a plan is not carried out, each a sentence. REQUIRES: exit_code(plan) is not 0.
std::vector<std::string> why_refused(const Plan& plan);

/// Prints why a plan is not carried out; gives its exit code. REQUIRES: that is not 0.
int refuse(const Plan& plan, bool json);

}  // namespace vmigrate::cli
