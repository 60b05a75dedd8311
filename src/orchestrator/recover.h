// SPDX-License-Identifier: GPL-2.0-or-later
//
// Brings a migration to its end whose process died: asks who has the guest, then undoes (source
// has it) or finishes forward (destination has it), or does nothing (unknown).
#pragma once

#include <string>
#include <vector>

#include "orchestrator/runner.h"
#include "orchestrator/verdict.h"

namespace vmigrate {

/// What the journal of the dead process says.
struct Unfinished {
    std::int64_t id = 0;
    Phase phase = Phase::planned;  ///< the last one it entered
    GuestState before = GuestState::running;
    bool paused_on_purpose = false;
    std::string originals;                 ///< empty when it did not get that far
    std::vector<VolumeMove> volumes;       ///< intended or made
    bool source_keeps_definition = false;  ///< asked for, so no leftover
};

struct RecoverOptions {
    /// Cancel a migration that libvirt still carries on; else wait for its end.
    bool abort_running = false;
    milliseconds patience{std::chrono::hours(1)};  ///< for a running one, then it is cancelled
};

/// The journal in `edges` must have adopted the migration. Thread rule: blocks its thread.
Result<Record> recover(const Unfinished& unfinished, const RecoverOptions& options,
                       const Edges& edges);

}  // namespace vmigrate
