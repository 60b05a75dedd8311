// SPDX-License-Identifier: GPL-2.0-or-later
//
// The numbered schema of the history database. Entry k of the list leads from schema k to k + 1;
// entries are never changed once released, only added. Nothing is ever deleted.
#pragma once

#include <SQLiteCpp/Database.h>

#include <span>
#include <string_view>

namespace vmigrate::history {

/// In the header of the file (PRAGMA application_id): "vmig".
constexpr int kApplicationId = 0x766d6967;

/// Every step so far; its size is the schema this program knows.
std::span<const std::string_view> schema_steps();

struct SchemaState {
    bool ours = false;   ///< written by vmigrate
    bool empty = false;  ///< no tables and no marks of anybody
    int number = 0;
};

SchemaState schema_of(SQLite::Database& database);

/// Brings a file up to `steps.size()`, one transaction for each step. Several processes may try
/// at once. Errors: SQLite::Exception.
void upgrade(SQLite::Database& database, std::span<const std::string_view> steps);

}  // namespace vmigrate::history
