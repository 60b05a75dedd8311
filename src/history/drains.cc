// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/drains.h"

#include <fmt/format.h>

#include <optional>

#include "history/lease.h"
#include "history/process.h"
#include "history/sql.h"
#include "orchestrator/json.h"

namespace vmigrate::history {
namespace {

void hold(const SQLite::Database& database, std::int64_t migration) {
    const Process self = this_process();
    execute(database,
            "UPDATE drains SET holder_machine = ?, holder_boot = ?, holder_pid_namespace = ?, "
            "holder_pid = ?, holder_started = ? WHERE migration_id = ?",
            self.machine, self.boot, self.pid_namespace, self.pid, self.started, migration);
}

void let_go(const SQLite::Database& database, std::int64_t migration) {
    execute(database,
            "UPDATE drains SET holder_machine = NULL, holder_boot = NULL, "
            "holder_pid_namespace = NULL, holder_pid = NULL, holder_started = NULL "
            "WHERE migration_id = ?",
            migration);
}

struct Found {
    DrainState state = DrainState::draining;
    std::string remains;
    std::optional<Process> holder;

    /// By a process that is not this one.
    bool held() const {
        return holder && life_of(*holder) != Life::dead && !(*holder == this_process());
    }
};

std::optional<Found> find(const SQLite::Database& database, std::int64_t migration) {
    auto statement = prepared(database,
                              fmt::format("SELECT state, remains, holder_pid IS NOT NULL, {} "
                                          "FROM drains WHERE migration_id = ?",
                                          kHolderColumns),
                              migration);
    if (!statement.executeStep()) {
        return std::nullopt;
    }
    Found found;
    Row row(statement);
    row >> found.state >> found.remains;
    if (row.take<bool>()) {
        found.holder = take_process(row);
    }
    return found;
}

}  // namespace

void add_drain(const SQLite::Database& database, const std::string& guest_uuid, std::uint32_t mark,
               const std::string& remains, WallTime now) {
    auto statement =
        prepared(database, "SELECT migration_id FROM leases WHERE guest_uuid = ?", guest_uuid);
    if (!statement.executeStep()) {
        return;
    }
    const auto migration = Row(statement).take<std::int64_t>();
    execute(database,
            // who commits again after a death knows less of what was there
            "INSERT OR IGNORE INTO drains (migration_id, mark, remains, state, began_unix_us) "
            "VALUES (?, ?, ?, ?, ?)",
            migration, mark, remains, DrainState::draining, now);
    hold(database, migration);
}

void report_drain(const SQLite::Database& database, const std::string& guest_uuid,
                  std::uint32_t mark, const DrainReport& report, WallTime now) {
    const bool ended = report.state != DrainState::draining;
    execute(database,
            "UPDATE drains SET state = ?, ended_unix_us = ?, relayed_packets = ?, "
            "quiet_after_ms = ?, stale_senders = ?, problems = ? WHERE mark = ? AND migration_id "
            "IN (SELECT id FROM migrations WHERE guest_uuid = ?)",
            report.state, ended ? std::optional(now) : std::nullopt, report.relayed_packets,
            report.quiet_after, line(Json(report.stale_senders)), line(Json(report.problems)), mark,
            guest_uuid);
}

Result<std::string> take_drain(const SQLite::Database& database, std::int64_t migration) {
    auto found = find(database, migration);
    if (!found) {
        return fail(ErrorKind::not_found,
                    fmt::format("migration {} has left nothing to drain", migration));
    }
    if (found->state != DrainState::draining) {
        return fail(ErrorKind::usage, fmt::format("the drain of migration {} has ended ({})",
                                                  migration, name_of(found->state)));
    }
    if (found->held()) {
        return fail(ErrorKind::busy,
                    fmt::format("the network of migration {} is being drained (pid {} on {})",
                                migration, found->holder->pid, found->holder->machine));
    }
    hold(database, migration);
    return std::move(found->remains);
}

void give_drain(const SQLite::Database& database, std::int64_t migration) {
    if (const auto found = find(database, migration); found && !found->held()) {
        let_go(database, migration);
    }
}

}  // namespace vmigrate::history
