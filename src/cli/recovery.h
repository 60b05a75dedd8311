// SPDX-License-Identifier: GPL-2.0-or-later
//
// One migration whose process died, or whose outcome is unknown, from the history to its end.
#pragma once

#include "cli/config.h"
#include "history/store.h"
#include "orchestrator/events.h"
#include "orchestrator/recover.h"
#include "orchestrator/status.h"

namespace vmigrate::cli {

struct RecoveryRules {
    RecoverOptions options;
    history::Takeover takeover = history::Takeover::from_the_dead;
};

/// Thread rule: blocks its thread, the one of `store`; several at once, each with its own store,
/// status and events. REQUIRES: an EventLoop.
/// Errors, and then nothing was touched: unreachable or denied (a host), busy (its process is
/// alive), usage (it has ended), storage.
Result<Record> recover_migration(const Config& config, history::Store& store,
                                 const history::Entry& entry, const RecoveryRules& rules,
                                 Status& status, EventQueue& events);

}  // namespace vmigrate::cli
