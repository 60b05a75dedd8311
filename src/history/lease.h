// SPDX-License-Identifier: GPL-2.0-or-later
//
// The lease of a guest: one row, held by one migration and the process that runs it. All functions
// run inside the caller's transaction. Errors: SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "history/process.h"
#include "history/sql.h"

namespace vmigrate::history {

struct Lease {
    std::int64_t migration = 0;
    std::string guest_name;
    Process holder;
};

/// The columns of `leases` that make a Process, in the order of take_process().
constexpr const char* kHolderColumns =
    "holder_machine, holder_boot, holder_pid_namespace, holder_pid, holder_started";

Process take_process(Row& row);

std::optional<Lease> lease_on(const SQLite::Database& database, const std::string& guest_uuid);

/// Takes the lease for this process; REQUIRES that nobody else has a right to it.
void take_lease(const SQLite::Database& database, const std::string& guest_uuid,
                std::int64_t migration);

void release_lease(const SQLite::Database& database, std::int64_t migration);

/// Why the guest cannot be had (ErrorKind::busy): who holds it, and the way out.
Error held(const Lease& lease, Life holder);

}  // namespace vmigrate::history
