// SPDX-License-Identifier: GPL-2.0-or-later
//
// Migrations and what belongs to them, read from their tables. Errors: SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "history/store.h"

namespace vmigrate::history {

std::vector<Entry> entries(const SQLite::Database& database, const Filter& filter);
std::optional<Entry> entry(const SQLite::Database& database, std::int64_t id);
std::string plan_json(const SQLite::Database& database, std::int64_t id);
std::vector<TimelineRow> timeline(const SQLite::Database& database, std::int64_t id);
std::vector<StepRow> steps(const SQLite::Database& database, std::int64_t id);
/// In the order of time, or the newest alone.
std::vector<SampleRow> samples(const SQLite::Database& database, std::int64_t id);
std::optional<SampleRow> newest_sample(const SQLite::Database& database, std::int64_t id);
/// See Store::prune.
std::size_t prune(const SQLite::Database& database, WallTime ended_before);
PairHistory pair_history(const SQLite::Database& database, const std::string& source,
                         const std::string& destination);

}  // namespace vmigrate::history
