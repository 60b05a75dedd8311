// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/locations.h"

#include "history/sql.h"

namespace vmigrate::history {

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
        execute(db,
                "INSERT OR REPLACE INTO locations (guest_uuid, host, version, mark, locked) "
                "VALUES (?, ?, ?, ?, ?)",
                guest_uuid, location.host, location.version, location.migration,
                static_cast<int>(location.locked));
        return {};
    });
}

}  // namespace vmigrate::history
