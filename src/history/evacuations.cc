// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/evacuations.h"

#include <fmt/format.h>

#include "base/text.h"
#include "history/database.h"
#include "history/lease.h"
#include "history/process.h"
#include "history/sql.h"

namespace vmigrate::history {
namespace {

const std::string kSelect = fmt::format(
    "SELECT id, kind, host, options, began_unix_us, ended_unix_us, exit_code, "
    "cancel_requested, {} FROM evacuations ",
    kHolderColumns);
const std::string kSelectGuest =
    "SELECT guest_uuid, guest_name, source, destination, state, attempts, reason, migration_id "
    "FROM evacuation_guests ";

struct Found {
    EvacuationEntry entry;
    Process holder;

    Life life() const { return life_of(holder); }
};

Found found_in(const SQLite::Statement& statement) {
    Row row(statement);
    Found found;
    auto& entry = found.entry;
    row >> entry.id;
    entry.kind = row.take<std::string>() == name_of(EvacuationKind::restore)
                     ? EvacuationKind::restore
                     : EvacuationKind::evacuate;
    row >> entry.host >> entry.options >> entry.began >> entry.ended >> entry.exit_code >>
        entry.cancel_requested;
    found.holder = take_process(row);
    if (!entry.ended) {
        entry.holder_pid = static_cast<int>(found.holder.pid);
        entry.holder_alive = found.life() != Life::dead;
    }
    return found;
}

std::optional<Found> one(SQLite::Statement statement) {
    return statement.executeStep() ? std::optional(found_in(statement)) : std::nullopt;
}

std::optional<Found> one_with(const SQLite::Database& database, std::int64_t id) {
    return one(prepared(database, kSelect + "WHERE id = ?", id));
}

EvacuationGuest guest_in(const SQLite::Statement& statement) {
    EvacuationGuest guest;
    Row(statement) >> guest.guest.uuid >> guest.guest.name >> guest.from >> guest.to >>
        guest.state >> guest.attempts >> guest.reason >> guest.migration;
    return guest;
}

std::vector<EvacuationGuest> guests_in(SQLite::Statement statement) {
    std::vector<EvacuationGuest> guests;
    while (statement.executeStep()) {
        guests.push_back(guest_in(statement));
    }
    return guests;
}

tl::unexpected<Error> unknown(std::int64_t id) {
    return fail(ErrorKind::not_found, fmt::format("no evacuation {} in the history", id));
}

Error not_ended(const EvacuationEntry& entry) {
    if (entry.holder_alive) {
        return {ErrorKind::busy,
                fmt::format("{} is under way (pid {})", describe(entry), entry.holder_pid)};
    }
    return {ErrorKind::busy,
            fmt::format("the process of {0} is dead: run 'vmigrate {1} {2} --resume', or --cancel",
                        describe(entry), name_of(entry.kind), entry.host)};
}

Error has_ended(const EvacuationEntry& entry) {
    return {ErrorKind::usage, describe(entry) + " has ended"};
}

}  // namespace

std::string_view name_of(EvacuationKind kind) {
    return kind == EvacuationKind::restore ? "restore" : "evacuate";
}

std::string describe(const EvacuationEntry& entry) {
    return fmt::format("{} {} of host {}",
                       entry.kind == EvacuationKind::restore ? "restoration" : "evacuation",
                       entry.id, vmigrate::quoted(entry.host));
}

Result<std::int64_t> Evacuations::begin(EvacuationKind kind, const std::string& host,
                                        const std::string& options) {
    return database_.write<std::int64_t>(
        Write::durable, [&](SQLite::Database& db) -> Result<std::int64_t> {
            const auto other =
                one(prepared(db, kSelect + "WHERE host = ? AND ended_unix_us IS NULL", host));
            if (other) {
                return fail(not_ended(other->entry));
            }
            const Process self = this_process();
            execute(db,
                    fmt::format("INSERT INTO evacuations (kind, host, options, began_unix_us, {}) "
                                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                kHolderColumns),
                    name_of(kind), host, options, clock_.wall(), self.machine, self.boot,
                    self.pid_namespace, self.pid, self.started);
            return db.getLastInsertRowid();
        });
}

Result<void> Evacuations::adopt(std::int64_t id) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        const auto found = one_with(db, id);
        if (!found) {
            return unknown(id);
        }
        if (found->entry.ended) {
            return fail(has_ended(found->entry));
        }
        if (found->life() != Life::dead && !(found->holder == this_process())) {
            return fail(not_ended(found->entry));
        }
        const Process self = this_process();
        execute(db,
                "UPDATE evacuations SET holder_machine = ?, holder_boot = ?, "
                "holder_pid_namespace = ?, holder_pid = ?, holder_started = ? WHERE id = ?",
                self.machine, self.boot, self.pid_namespace, self.pid, self.started, id);
        return {};
    });
}

Result<void> Evacuations::put(std::int64_t id, const EvacuationGuest& guest) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        execute(db,
                "INSERT INTO evacuation_guests (evacuation_id, guest_uuid, sequence, guest_name, "
                "source, destination, state, attempts, reason, migration_id) VALUES (?1, ?2, "
                "(SELECT count(*) FROM evacuation_guests WHERE evacuation_id = ?1), "
                "?3, ?4, ?5, ?6, ?7, ?8, ?9) "
                "ON CONFLICT (evacuation_id, guest_uuid) DO UPDATE SET guest_name = ?3, "
                "source = ?4, destination = ?5, state = ?6, attempts = ?7, reason = ?8, "
                "migration_id = ?9",
                id, guest.guest.uuid, guest.guest.name, guest.from, guest.to, guest.state,
                guest.attempts, guest.reason, guest.migration);
        return {};
    });
}

Result<void> Evacuations::end(std::int64_t id, int exit_code) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        execute(db, "UPDATE evacuations SET ended_unix_us = ?, exit_code = ? WHERE id = ?",
                clock_.wall(), exit_code, id);
        return {};
    });
}

Result<void> Evacuations::request_cancel(std::int64_t id) {
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        const auto found = one_with(db, id);
        if (!found) {
            return unknown(id);
        }
        if (found->entry.ended) {
            return fail(has_ended(found->entry));
        }
        execute(db, "UPDATE evacuations SET cancel_requested = 1 WHERE id = ?", id);
        return {};
    });
}

Result<EvacuationEntry> Evacuations::find(std::int64_t id) {
    return database_.read<EvacuationEntry>(unknown(id),
                                           [&](SQLite::Database& db) -> Result<EvacuationEntry> {
                                               auto found = one_with(db, id);
                                               if (!found) {
                                                   return unknown(id);
                                               }
                                               return std::move(found->entry);
                                           });
}

Result<std::vector<EvacuationEntry>> Evacuations::under_way() {
    using Entries = std::vector<EvacuationEntry>;
    return database_.read<Entries>(Entries{}, [&](SQLite::Database& db) -> Result<Entries> {
        auto statement = prepared(db, kSelect + "WHERE ended_unix_us IS NULL ORDER BY id");
        Entries entries;
        while (statement.executeStep()) {
            entries.push_back(found_in(statement).entry);
        }
        return entries;
    });
}

Result<std::optional<EvacuationEntry>> Evacuations::newest(const std::string& host,
                                                           std::optional<EvacuationKind> kind) {
    using Newest = std::optional<EvacuationEntry>;
    return database_.read<Newest>(Newest{}, [&](SQLite::Database& db) -> Result<Newest> {
        const auto word = kind ? std::optional(std::string(name_of(*kind))) : std::nullopt;
        auto found = one(prepared(
            db, kSelect + "WHERE host = ?1 AND kind = coalesce(?2, kind) ORDER BY id DESC LIMIT 1",
            host, word));
        return found ? Newest(std::move(found->entry)) : Newest{};
    });
}

Result<std::vector<EvacuationGuest>> Evacuations::guests(std::int64_t id) {
    using Guests = std::vector<EvacuationGuest>;
    return database_.read<Guests>(Guests{}, [&](SQLite::Database& db) -> Result<Guests> {
        return guests_in(
            prepared(db, kSelectGuest + "WHERE evacuation_id = ? ORDER BY sequence", id));
    });
}

Result<std::vector<EvacuationGuest>> Evacuations::taken_from(const std::string& host) {
    using Guests = std::vector<EvacuationGuest>;
    return database_.read<Guests>(Guests{}, [&](SQLite::Database& db) -> Result<Guests> {
        // the bare columns beside max() are those of its row
        return guests_in(prepared(
            db,
            "SELECT guest_uuid, guest_name, source, destination, state, attempts, reason, "
            "migration_id FROM (SELECT *, max(evacuation_id) FROM evacuation_guests "
            "JOIN evacuations ON id = evacuation_id WHERE host = ?1 AND kind = 'evacuate' "
            "AND state IN ('moved', 'moved-with-problems') AND id > coalesce((SELECT max(id) "
            "FROM evacuations WHERE host = ?1 AND kind = 'restore' AND exit_code = 0), 0) "
            "GROUP BY guest_uuid) ORDER BY evacuation_id, sequence",
            host));
    });
}

}  // namespace vmigrate::history
