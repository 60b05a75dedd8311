// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/locations.h"

#include "history/drains.h"
#include "history/sql.h"

namespace vmigrate::history {
namespace {

void write(const SQLite::Database& database, const std::string& guest_uuid,
           const Location& location) {
    execute(database,
            "INSERT OR REPLACE INTO locations (guest_uuid, host, version, mark, locked) "
            "VALUES (?, ?, ?, ?, ?)",
            guest_uuid, location.host, location.version, location.migration,
            static_cast<int>(location.locked));
}

}  // namespace

Result<std::optional<Location>> SqliteLocations::find(const std::string& guest_uuid) {
    using Found = std::optional<Location>;
    return database_.read<Found>(Found{}, [&](SQLite::Database& db) -> Result<Found> {
        auto statement =
            prepared(db, "SELECT host, version, mark, locked FROM locations WHERE guest_uuid = ?",
                     guest_uuid);
        if (!statement.executeStep()) {
            return Found{};
        }
        Location location;
        Row row(statement);
        row >> location.host >> location.version >> location.migration;
        location.locked = row.take<int>() != 0;
        return Found(std::move(location));
    });
}

Result<void> SqliteLocations::remember(const std::string& guest_uuid, const Location& location) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        write(db, guest_uuid, location);
        return {};
    });
}

Result<void> SqliteLocations::leave(const std::string& guest_uuid, const Location& location,
                                    const std::string& remains) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        write(db, guest_uuid, location);
        add_drain(db, guest_uuid, location.migration, remains, clock_.wall());
        return {};
    });
}

Result<void> SqliteLocations::drained(const std::string& guest_uuid, const Location& location,
                                      const DrainReport& report) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        report_drain(db, guest_uuid, location.migration, report, clock_.wall());
        return {};
    });
}

}  // namespace vmigrate::history
