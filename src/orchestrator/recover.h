// SPDX-License-Identifier: GPL-2.0-or-later
//
// Brings a migration to its end whose process died: asks who has the guest, then undoes (source
// has it) or finishes forward (destination has it), or does nothing (unknown).
#pragma once

#include <string>
#include <vector>

#include "orchestrator/disk_check.h"
#include "orchestrator/settle.h"

namespace vmigrate {

/// What the journal of the dead process says.
struct Unfinished {
    std::int64_t id = 0;
    Phase phase = Phase::planned;  ///< the last one it entered
    GuestState before = GuestState::running;
    bool paused_on_purpose = false;
    Leftovers leftovers;    ///< on the destination, if the source has the guest
    SourceRemains remains;  ///< on the source, if the destination has it
    /// Of those, what could not be cleared, in the words of the record's problems.
    std::vector<std::string> not_cleared;
    /// With verify-disks: what the guest waits for on the destination. `resume` is without meaning.
    std::optional<ArrivalRules> arrival;
    std::optional<MigrationCall> resumable;  ///< when post-copy was allowed
    std::optional<milliseconds> resuming;    ///< how long it may be tried, if that is known
};

struct RecoverOptions {
    /// Cancel a migration that libvirt still carries on; else wait for its end.
    bool abort_running = false;
    milliseconds patience{std::chrono::hours(1)};  ///< for a running one, then it is cancelled
};

/// The journal in `edges` must have adopted the migration. Thread rule: blocks its thread.
Result<Record> recover(const Unfinished& unfinished, const RecoverOptions& options,
                       const Edges& edges);

/// What a migration left that had its verdict while a host was silent: tries once more to take it
/// back (failed-on-source; only when the source has the guest, and the destination answers and does
/// not know it), or to clear the source (moved-with-problems; only when the destination has the
/// guest). Else nothing is touched. `ended` is its record; returns it with the problems that
/// remain. The journal and the thread rule as above.
Record clear_up(const Unfinished& unfinished, Record ended, const Edges& edges);

}  // namespace vmigrate
