// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who has the guest? Judged from what both daemons answer, never from a return code or from our
// file alone. Used at the end of every migration and by `vmigrate recover`. Pure.
#pragma once

#include <optional>
#include <string>

#include "orchestrator/types.h"

namespace vmigrate {

struct Truth {
    GuestState source = GuestState::unreachable;
    GuestState destination = GuestState::unreachable;
    /// A migration job of this guest runs on the source. nullopt = cannot tell.
    std::optional<bool> job_active;
    /// The state the guest was in before the migration.
    GuestState before = GuestState::running;
    /// The request was to leave it paused on the destination.
    bool paused_on_purpose = false;
    /// nullopt = cannot tell, or there was none.
    std::optional<PostcopyState> postcopy;
    /// It has run on the destination: whatever the source still has is older. For the reason only.
    bool has_run_there = false;
};

struct Verdict {
    enum class Kind {
        still_migrating,  ///< libvirt is at it: wait or abort, then ask again
        half_moved,       ///< a post-copy broke off: to be resumed
        on_source,        ///< undo what was prepared
        on_destination,   ///< finish forward
        unknown           ///< do nothing; a person must look
    };
    Kind kind = Kind::unknown;
    std::string reason;  ///< one sentence, says where to look when unknown
};

std::string_view name_of(Verdict::Kind kind);

Verdict judge(const Truth& truth);

}  // namespace vmigrate
