// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests to change a running migration, and their answers, in their table. Errors:
// SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "orchestrator/tune.h"

namespace vmigrate::history {

/// Returns the sequence of the new request.
std::int64_t add_tune(const SQLite::Database& database, std::int64_t id,
                      const std::vector<Setting>& settings, WallTime now);
/// Those without answer, oldest first.
std::vector<TuneRequest> open_tunes(const SQLite::Database& database, std::int64_t id);
std::optional<TuneAnswer> answer_of_tune(const SQLite::Database& database, std::int64_t id,
                                         std::int64_t sequence);

}  // namespace vmigrate::history
