// SPDX-License-Identifier: GPL-2.0-or-later
//
// `vmigrate verify --list`, and what is said of the rows that a guest cannot do.
// Thread rule: main thread.
#pragma once

#include <string>
#include <vector>

#include "cli/verify_book.h"
#include "orchestrator/json.h"
#include "verify/matrix.h"

namespace vmigrate::cli {

/// {"backing", "disks", "storage", "multifd_compression"}
Json to_json(const verify::GuestKind& kind);

/// Prints the rows, how often each is done, and what is never combined, with who says so.
void list_matrix(const VerifyBook& book, bool json);

/// A line for each kind of guest that rows are left for which are not done `rounds` times: how many
/// rows, and what guest. Empty: all is done.
std::vector<std::string> left_over(const VerifyBook& book, unsigned rounds);

}  // namespace vmigrate::cli
