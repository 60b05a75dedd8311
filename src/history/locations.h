// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where guests are, in the history database. Borrows the database and the clock. Thread rule: the
// one of its Store.
#pragma once

#include "base/clock.h"
#include "history/database.h"
#include "orchestrator/location.h"

namespace vmigrate::history {

class SqliteLocations final : public LocationRegistry {
  public:
    SqliteLocations(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

    Result<std::optional<Location>> find(const std::string& guest_uuid) override;
    Result<void> remember(const std::string& guest_uuid, const Location& location) override;
    Result<void> leave(const std::string& guest_uuid, const Location& location,
                       const std::string& remains) override;
    Result<void> drained(const std::string& guest_uuid, const Location& location,
                         const DrainReport& report) override;

  private:
    Database& database_;
    const Clock& clock_;
};

}  // namespace vmigrate::history
