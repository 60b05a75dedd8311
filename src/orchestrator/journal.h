// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to durable memory: what was planned, intended, done and measured, so that another
// process can tell the truth after this one died. Implemented on SQLite in history/, in memory for
// tests. Every step is: intend (durable) -> act -> done.
// Thread rule: one thread. Errors: ErrorKind::storage; the message names the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "orchestrator/plan.h"
#include "orchestrator/tune.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// A step that leaves something behind, with what is needed to take it back.
enum class Step {
    lock_network,
    save_originals,  ///< detail: the originals, JSON
    make_volume,     ///< detail: VolumeMove, JSON
    migrate,         ///< the libvirt call; detail: empty
    compare_disks,   ///< leaves nothing; detail when done: what was found, JSON
    restore_originals,
    commit_network,
    clear_source  ///< only when not all could be cleared; detail: what is left, a line for each
};
std::string_view name_of(Step step);
std::optional<Step> step_named(std::string_view name);

class Journal {
  public:
    virtual ~Journal() = default;

    /// Takes the guest's lease and stores the plan; returns the migration's id. Durable on return.
    /// Error (busy): another migration of the guest is under way or waits for `vmigrate recover`;
    /// the message names it.
    virtual Result<std::int64_t> begin(const Plan& plan) = 0;
    /// Durable on return.
    virtual Result<void> intend(Step step, const std::string& detail) = 0;
    virtual Result<void> done(Step step, const std::string& detail) = 0;
    virtual Result<void> phase(Phase phase, std::string_view note) = 0;  ///< durable on return
    /// Not durable before the next durable call; losing the last ones is fine.
    virtual Result<void> sample(const Sample& sample, unsigned progress_percent,
                                const Forecast& forecast) = 0;
    /// A decision or notice worth reading later.
    virtual Result<void> note(std::string_view text) = 0;
    /// Outcome and measures; gives the lease back. Durable on return.
    virtual Result<void> finish(const Record& record) = 0;
    /// Somebody asked for an abort through the database (`vmigrate abort`).
    virtual bool abort_requested() = 0;
    /// What `vmigrate tune` asked for and has no answer yet, oldest first; nothing when it cannot
    /// be read.
    virtual std::vector<TuneRequest> tune_requests() = 0;
    virtual Result<void> answer(const TuneRequest& request, const TuneAnswer& answer) = 0;
};

}  // namespace vmigrate
