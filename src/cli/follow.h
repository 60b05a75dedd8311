// SPDX-License-Identifier: GPL-2.0-or-later
//
// Watches a migration of another process through the history, and the JSON form of its entries.
// Thread rule: blocks the caller.
#pragma once

#include <optional>

#include "history/store.h"
#include "orchestrator/json.h"
#include "orchestrator/status.h"

namespace vmigrate::cli {

/// The migration as `history --json`, `status --json` and `show --json` print it.
Json entry_json(const history::Entry& entry);

/// The end of a migration as the history has it. REQUIRES: entry.outcome.
Record record_of(const history::Entry& entry);

/// Shows progress until the migration ends, then prints its report; returns the exit code of its
/// outcome, or 5 when its process dies before the end.
int follow(history::Store& store, std::int64_t id, bool json, const Clock& clock);

/// Waits without a word until the migration has ended or its process is gone.
/// Error (unreachable): neither within `patience`.
Result<history::Entry> wait_for_end(history::Store& store, std::int64_t id, milliseconds patience,
                                    const Clock& clock);

}  // namespace vmigrate::cli
