// SPDX-License-Identifier: GPL-2.0-or-later
//
// Drains in their table, each with a lease of its own: who holds it drains, and once that process
// is dead anybody may take it. All functions run inside the caller's transaction. Errors:
// SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "orchestrator/drain.h"

namespace vmigrate::history {

/// Of the migration that holds the guest's lease, held by this process; nothing where none does.
void add_drain(const SQLite::Database& database, const std::string& guest_uuid, std::uint32_t mark,
               const std::string& remains, WallTime now);
void report_drain(const SQLite::Database& database, const std::string& guest_uuid,
                  std::uint32_t mark, const DrainReport& report, WallTime now);

/// Gives what is needed to go on. Errors: not_found (there is no such drain), usage (it has ended),
/// busy (another process holds it; the message names it).
Result<std::string> take_drain(const SQLite::Database& database, std::int64_t migration);
/// For another process to take it; leaves one alone that a third one holds.
void give_drain(const SQLite::Database& database, std::int64_t migration);

}  // namespace vmigrate::history
