// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/lease.h"

#include <fmt/format.h>

#include "base/text.h"

namespace vmigrate::history {

Process take_process(Row& row) {
    Process process;
    row >> process.machine >> process.boot >> process.pid_namespace >> process.pid >>
        process.started;
    return process;
}

std::optional<Lease> lease_on(const SQLite::Database& database, const std::string& guest_uuid) {
    auto statement = prepared(
        database,
        fmt::format("SELECT migration_id, guest_name, {} FROM leases "
                    "JOIN migrations ON migrations.id = migration_id WHERE leases.guest_uuid = ?",
                    kHolderColumns),
        guest_uuid);
    if (!statement.executeStep()) {
        return std::nullopt;
    }
    Row row(statement);
    Lease lease;
    row >> lease.migration >> lease.guest_name;
    lease.holder = take_process(row);
    return lease;
}

void take_lease(const SQLite::Database& database, const std::string& guest_uuid,
                std::int64_t migration) {
    const Process self = this_process();
    execute(database,
            fmt::format("INSERT OR REPLACE INTO leases (guest_uuid, migration_id, {}) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?)",
                        kHolderColumns),
            guest_uuid, migration, self.machine, self.boot, self.pid_namespace, self.pid,
            self.started);
}

void release_lease(const SQLite::Database& database, std::int64_t migration) {
    execute(database, "DELETE FROM leases WHERE migration_id = ?", migration);
}

Error held(const Lease& lease, Life holder) {
    const auto guest = vmigrate::quoted(lease.guest_name);
    switch (holder) {
        case Life::alive:
            return {ErrorKind::busy, fmt::format("guest {} is being moved by migration {} (pid {})",
                                                 guest, lease.migration, lease.holder.pid)};
        case Life::dead:
            return {ErrorKind::busy,
                    fmt::format("an earlier migration (ID {0}) of guest {1} ended without a "
                                "verdict: run 'vmigrate recover {0}'",
                                lease.migration, guest)};
        case Life::out_of_sight:
            break;
    }
    return {ErrorKind::busy,
            fmt::format("guest {0} is held by migration {1} on {2} (pid {3}), where it cannot be "
                        "checked from here: run 'vmigrate recover {1}' there",
                        guest, lease.migration, vmigrate::quoted(lease.holder.machine),
                        lease.holder.pid)};
}

}  // namespace vmigrate::history
