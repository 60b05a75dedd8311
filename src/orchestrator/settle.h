// SPDX-License-Identifier: GPL-2.0-or-later
//
// The end of a migration, whoever brings it about: find out who has the guest, then undo or finish
// forward. Shared by the runner and by recover. Everything here is idempotent, and nothing here
// ends a guest: at most what the source still has of one that is elsewhere for certain.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/runner.h"
#include "orchestrator/verdict.h"

namespace vmigrate {

/// What there may be to take back.
struct Leftovers {
    std::string originals;             ///< JSON of Hypervisor::save_originals, may be empty
    std::vector<VolumeMove> volumes;   ///< made by us
    std::vector<VolumeMove> intended;  ///< perhaps made: the process died in between
};

/// What a move leaves on the source that has to go, or may stay.
struct SourceRemains {
    bool keeps_definition = false;    ///< asked for, so no leftover
    std::vector<VolumeMove> volumes;  ///< copied, to be removed
    std::vector<VolumeMove> copied;   ///< also those that stay: the destination does not use them
};

struct SettleRules {
    GuestState before = GuestState::running;
    bool paused_on_purpose = false;
    bool has_run_there = false;  ///< as far as is known
    /// How long an unclear answer is asked again.
    milliseconds unclear{std::chrono::seconds(30)};
    /// How long a migration that libvirt still carries on may go on before it is cancelled.
    milliseconds running{std::chrono::hours(1)};
    bool abort_running = false;
    /// With it a post-copy that broke off is resumed; only a call with post-copy.
    std::optional<MigrationCall> resumable;
    /// How long that is tried.
    milliseconds resuming{std::chrono::minutes(10)};
};

/// Asks both daemons until the answer is clear or patience is over. Events that arrive meanwhile
/// are given to `on_event`; an AbortRequested cancels a migration that still runs.
Verdict settle(const SettleRules& rules, const Edges& edges,
               const std::function<void(const Event&)>& on_event);

/// The source has the guest: network back, originals back, volumes gone. Returns what could not be
/// done, by name.
std::vector<std::string> undo(const Leftovers& leftovers, const Edges& edges);

/// The destination has the guest: nothing of it stays on the source that was not asked for. Returns
/// what is left there, by name, and has the journal keep it for `recover` to come back to.
std::vector<std::string> clear_source(const SourceRemains& remains, const Edges& edges);

/// The destination has the guest: the network follows, the source is cleared. Returns what is left
/// there, by name.
std::vector<std::string> finish_forward(const SourceRemains& remains, const Edges& edges);

}  // namespace vmigrate
