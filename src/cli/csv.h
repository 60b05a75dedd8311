// SPDX-License-Identifier: GPL-2.0-or-later
//
// Migrations as comma-separated values (RFC 4180), for spreadsheets: the members of
// `history --json`, one column for each; lists are joined by "; ", of the drain there is its state.
// Pure; any thread.
#pragma once

#include <string>

#include "history/store.h"

namespace vmigrate::cli {

std::string csv_heading();
std::string csv_line(const history::Entry& entry);

}  // namespace vmigrate::cli
