// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was watched beside the samples of a migration, in its tables. `began` is when the migration
// did, on the clock of what was watched. Errors: SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>

#include "orchestrator/types.h"

namespace vmigrate::history {

void write_watched(const SQLite::Database& database, std::int64_t id, const Observations& watched,
                   TimePoint began);
/// On a clock that starts with the migration: what was before it has negative times.
Observations watched(const SQLite::Database& database, std::int64_t id);

}  // namespace vmigrate::history
