// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where guests are, in the history database. Borrows the database. Thread rule: the one of its
// Store.
#pragma once

#include "history/database.h"
#include "orchestrator/location.h"

namespace vmigrate::history {

class SqliteLocations final : public LocationRegistry {
  public:
    explicit SqliteLocations(Database& database) : database_(database) {}

    Result<std::optional<Location>> find(const std::string& guest_uuid) override;
    Result<void> remember(const std::string& guest_uuid, const Location& location) override;

  private:
    Database& database_;
};

}  // namespace vmigrate::history
