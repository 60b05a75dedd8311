// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <array>

namespace vmigrate::history {
namespace {

// Plans are in a table of their own: a few KiB each beside a row of some hundred bytes, they would
// make every question over many migrations slow.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    guest_uuid TEXT NOT NULL,
    guest_name TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    policy TEXT NOT NULL,
    started_unix_us INTEGER NOT NULL,
    ended_unix_us INTEGER,
    phase TEXT NOT NULL,
    outcome TEXT,                           -- NULL: under way, or its process died
    reason TEXT NOT NULL DEFAULT '',
    problems TEXT NOT NULL DEFAULT '[]',    -- JSON list of texts
    interrupted INTEGER NOT NULL DEFAULT 0,
    abort_requested INTEGER NOT NULL DEFAULT 0,
    downtime_limit_ms INTEGER NOT NULL,     -- asked
    blackout_ceiling_ms INTEGER NOT NULL,   -- asked
    predicted_converges INTEGER NOT NULL,
    predicted_total_ms INTEGER,
    predicted_blackout_ms INTEGER,
    predicted_memory_sent_bytes INTEGER NOT NULL,
    predicted_disk_sent_bytes INTEGER NOT NULL,
    setup_ms INTEGER,                       -- measured, from here on
    total_ms INTEGER,
    call_ms INTEGER,
    memory_sent_bytes INTEGER,
    disk_sent_bytes INTEGER,
    blackout_us INTEGER,
    guest_speed REAL,
    throttled_ms INTEGER,
    throttle_percent_max INTEGER NOT NULL DEFAULT 0,
    source_cpu_ms INTEGER,
    destination_cpu_ms INTEGER,
    bandwidth_mean_bytes_per_s INTEGER,
    iterations INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX migrations_by_guest_uuid ON migrations (guest_uuid);
CREATE INDEX migrations_by_guest_name ON migrations (guest_name);
CREATE INDEX migrations_by_outcome ON migrations (outcome);
CREATE INDEX migrations_by_pair ON migrations (source, destination);

CREATE TABLE plans (
    migration_id INTEGER PRIMARY KEY REFERENCES migrations,
    plan TEXT NOT NULL                      -- as `vmigrate plan --json` prints it
) STRICT;

CREATE TABLE timeline (
    migration_id INTEGER NOT NULL REFERENCES migrations,
    sequence INTEGER NOT NULL,
    at_unix_us INTEGER NOT NULL,
    phase TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (migration_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
    migration_id INTEGER NOT NULL REFERENCES migrations,
    sequence INTEGER NOT NULL,
    step TEXT NOT NULL,
    intended_unix_us INTEGER NOT NULL,
    done_unix_us INTEGER,                   -- NULL: intended, perhaps begun
    detail TEXT NOT NULL,
    result TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (migration_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE samples (
    migration_id INTEGER NOT NULL REFERENCES migrations,
    sequence INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    progress_percent INTEGER NOT NULL,
    job TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    memory_total_bytes INTEGER NOT NULL,
    memory_remaining_bytes INTEGER NOT NULL,
    memory_sent_bytes INTEGER NOT NULL,
    disk_total_bytes INTEGER NOT NULL,
    disk_remaining_bytes INTEGER NOT NULL,
    disk_sent_bytes INTEGER NOT NULL,
    dirty_bytes_per_s INTEGER NOT NULL,
    bandwidth_bytes_per_s INTEGER NOT NULL,
    expected_downtime_ms INTEGER,
    throttle_percent INTEGER NOT NULL,
    PRIMARY KEY (migration_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    guest_uuid TEXT PRIMARY KEY,
    migration_id INTEGER NOT NULL UNIQUE REFERENCES migrations,
    holder_machine TEXT NOT NULL,
    holder_boot TEXT NOT NULL,
    holder_pid_namespace TEXT NOT NULL,
    holder_pid INTEGER NOT NULL,
    holder_started INTEGER NOT NULL         -- clock ticks since boot
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kTunes = R"sql(
CREATE TABLE tunes (
    migration_id INTEGER NOT NULL REFERENCES migrations,
    sequence INTEGER NOT NULL,
    asked_unix_us INTEGER NOT NULL,
    settings TEXT NOT NULL,                 -- JSON list of "KEY=VALUE"
    answered_unix_us INTEGER,               -- NULL: not looked at yet
    fate TEXT,                              -- applied, refused or failed
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (migration_id, sequence)
) STRICT, WITHOUT ROWID;
)sql";

// What the guest's writes to its disks were limited to.
constexpr std::string_view kWriteLimits = R"sql(
ALTER TABLE migrations ADD COLUMN write_limited_ms INTEGER;
ALTER TABLE migrations ADD COLUMN write_limit_min_bytes_per_s INTEGER;
)sql";

// What was expected of a migration as each sample was taken.
constexpr std::string_view kForecasts = R"sql(
ALTER TABLE samples ADD COLUMN convergence_ratio REAL;
ALTER TABLE samples ADD COLUMN endless INTEGER NOT NULL DEFAULT 0;
ALTER TABLE samples ADD COLUMN eta_ms INTEGER;
ALTER TABLE samples ADD COLUMN eta_low_ms INTEGER;
ALTER TABLE samples ADD COLUMN eta_high_ms INTEGER;
)sql";

// Where each guest is, as far as the network was told.
constexpr std::string_view kLocations = R"sql(
CREATE TABLE locations (
    guest_uuid TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    version INTEGER NOT NULL,               -- grows with each move
    mark INTEGER NOT NULL,                  -- in the cookies of the last move's flows
    locked INTEGER NOT NULL                 -- a move is under way, or broke off
) STRICT, WITHOUT ROWID;
)sql";

// What moved guests have left to be drained.
constexpr std::string_view kDrains = R"sql(
CREATE TABLE drains (
    migration_id INTEGER PRIMARY KEY REFERENCES migrations,
    mark INTEGER NOT NULL,                  -- in the cookies of the move's flows
    remains TEXT NOT NULL,                  -- JSON, for who goes on with it
    state TEXT NOT NULL,                    -- draining, drained, overtaken or alarm
    began_unix_us INTEGER NOT NULL,
    ended_unix_us INTEGER,
    relayed_packets INTEGER NOT NULL DEFAULT 0,
    quiet_after_ms INTEGER,
    stale_senders TEXT NOT NULL DEFAULT '[]',  -- JSON list of names
    problems TEXT NOT NULL DEFAULT '[]',       -- JSON list of texts
    holder_machine TEXT,                    -- NULL: nobody drains it now
    holder_boot TEXT,
    holder_pid_namespace TEXT,
    holder_pid INTEGER,
    holder_started INTEGER
) STRICT;
CREATE INDEX drains_under_way ON drains (migration_id) WHERE state = 'draining';
)sql";

// Hosts that are or were emptied, or got their guests back.
constexpr std::string_view kEvacuations = R"sql(
CREATE TABLE evacuations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,                     -- evacuate or restore
    host TEXT NOT NULL,
    options TEXT NOT NULL,                  -- JSON, for who goes on with it
    began_unix_us INTEGER NOT NULL,
    ended_unix_us INTEGER,                  -- NULL: under way, or its process died
    exit_code INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    holder_machine TEXT NOT NULL,
    holder_boot TEXT NOT NULL,
    holder_pid_namespace TEXT NOT NULL,
    holder_pid INTEGER NOT NULL,
    holder_started INTEGER NOT NULL
) STRICT;
CREATE INDEX evacuations_by_host ON evacuations (host);
CREATE UNIQUE INDEX evacuations_under_way ON evacuations (host) WHERE ended_unix_us IS NULL;

CREATE TABLE evacuation_guests (
    evacuation_id INTEGER NOT NULL REFERENCES evacuations,
    guest_uuid TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    guest_name TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,              -- planned, or where it was moved; '': nowhere
    state TEXT NOT NULL,                    -- waiting, moving, or the verdict
    attempts INTEGER NOT NULL,
    reason TEXT NOT NULL,
    migration_id INTEGER REFERENCES migrations,  -- the last one
    PRIMARY KEY (evacuation_id, guest_uuid)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view kEmulators = R"sql(
CREATE TABLE emulators (
    host_uri TEXT NOT NULL,
    emulator TEXT NOT NULL,                 -- its path on that host
    arch TEXT NOT NULL,
    asked_unix_us INTEGER NOT NULL,
    answer TEXT NOT NULL,                   -- JSON: what it can do
    PRIMARY KEY (host_uri, emulator, arch)
) STRICT, WITHOUT ROWID;
)sql";

// What asking the guest over the network while it moved has shown; NULL: nobody asked it.
constexpr std::string_view kProbes = R"sql(
ALTER TABLE migrations ADD COLUMN probe_sent INTEGER;
ALTER TABLE migrations ADD COLUMN probe_lost INTEGER;
ALTER TABLE migrations ADD COLUMN probe_duplicated INTEGER;
ALTER TABLE migrations ADD COLUMN probe_reordered INTEGER;
ALTER TABLE migrations ADD COLUMN probe_longest_gap_us INTEGER;
)sql";

// Whether the copies of disks were what the source had; NULL: they were not compared.
constexpr std::string_view kComparisons = R"sql(
ALTER TABLE migrations ADD COLUMN disks_compared_bytes INTEGER;
ALTER TABLE migrations ADD COLUMN disk_mismatches INTEGER;
ALTER TABLE migrations ADD COLUMN disks_compared_ms INTEGER;
)sql";

// What else each sample knows; NULL: QEMU does not tell, no limit, not asked this time.
constexpr std::string_view kFullerSamples = R"sql(
ALTER TABLE samples ADD COLUMN memory_delayed_bytes INTEGER;
ALTER TABLE samples ADD COLUMN write_limit_bytes_per_s INTEGER;
ALTER TABLE samples ADD COLUMN process_cpu_us INTEGER;  -- of the source's QEMU since its start
ALTER TABLE samples ADD COLUMN vcpus_cpu_us INTEGER;    -- of its vCPU threads alone
)sql";

// What was watched beside the samples, from before a migration until after it: `elapsed_ms` may be
// negative.
constexpr std::string_view kWatched = R"sql(
ALTER TABLE migrations ADD COLUMN workload_speed REAL;

CREATE TABLE probe_slices (
    migration_id INTEGER NOT NULL REFERENCES migrations,
    sequence INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    length_ms INTEGER NOT NULL,
    probe_sent INTEGER NOT NULL,            -- meanwhile
    probe_lost INTEGER NOT NULL,            -- of these
    PRIMARY KEY (migration_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE workload_readings (
    migration_id INTEGER NOT NULL REFERENCES migrations,
    sequence INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    workload_count INTEGER NOT NULL,        -- what the counter stood at
    PRIMARY KEY (migration_id, sequence)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array kSteps = {kFirst,     kTunes,       kWriteLimits,   kForecasts,
                               kLocations, kDrains,      kEvacuations,   kEmulators,
                               kProbes,    kComparisons, kFullerSamples, kWatched};

int pragma(SQLite::Database& database, const char* name) {
    return database.execAndGet(fmt::format("PRAGMA {}", name)).getInt();
}

}  // namespace

std::span<const std::string_view> schema_steps() {
    return kSteps;
}

SchemaState schema_of(SQLite::Database& database) {
    // One snapshot: another process may be creating the schema right now.
    const SQLite::Transaction snapshot(database);
    SchemaState state;
    const int application = pragma(database, "application_id");
    state.number = pragma(database, "user_version");
    state.ours = application == kApplicationId;
    state.empty = application == 0 && state.number == 0 &&
                  database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
    return state;
}

void upgrade(SQLite::Database& database, std::span<const std::string_view> steps) {
    for (;;) {
        SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
        // Read inside the transaction: another process may have taken this step meanwhile.
        const auto number = static_cast<std::size_t>(pragma(database, "user_version"));
        if (number >= steps.size()) {
            return;
        }
        database.exec(std::string(steps[number]));
        database.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
        database.exec(fmt::format("PRAGMA user_version = {}", number + 1));
        transaction.commit();
    }
}

}  // namespace vmigrate::history
