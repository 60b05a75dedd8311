// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/store.h"

#include <fmt/format.h>

#include "history/database.h"
#include "history/drains.h"
#include "history/emulators.h"
#include "history/evacuations.h"
#include "history/journal.h"
#include "history/locations.h"
#include "history/rows.h"
#include "history/sql.h"
#include "history/tunes.h"
#include "history/watched.h"

namespace vmigrate::history {
namespace {

tl::unexpected<Error> unknown_id(std::int64_t id) {
    return fail(ErrorKind::not_found, fmt::format("no migration {} in the history", id));
}

/// Whether a process is there that takes requests to migration `id`.
Result<void> is_heard(const SQLite::Database& database, std::int64_t id) {
    const auto found = entry(database, id);
    if (!found) {
        return unknown_id(id);
    }
    if (found->outcome) {
        return fail(ErrorKind::usage,
                    fmt::format("migration {} has ended ({})", id, name_of(*found->outcome)));
    }
    if (!found->holder_alive) {
        return fail(
            ErrorKind::usage,
            fmt::format("the process of migration {0} is dead: run 'vmigrate recover {0}'", id));
    }
    return {};
}

}  // namespace

bool left_something(const Entry& entry) {
    return (entry.outcome == Outcome::failed_on_source && !entry.problems.empty()) ||
           (entry.outcome == Outcome::moved_with_problems && entry.source_to_clear);
}

struct Store::Impl {
    Database database;
    const Clock& clock;
};

Store::Store() = default;
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& path, Access access,
                                           const Clock& clock) {
    std::unique_ptr<Store> store(new Store);
    store->impl_.reset(new Impl{Database(path, access), clock});
    if (const auto connected = store->impl_->database.connect(); !connected) {
        return fail(connected.error());
    }
    return store;
}

Result<std::vector<Entry>> Store::list(const Filter& filter) {
    using Entries = std::vector<Entry>;
    return impl_->database.read<Entries>(
        Entries{}, [&](SQLite::Database& db) -> Result<Entries> { return entries(db, filter); });
}

Result<Entry> Store::find(std::int64_t id) {
    return impl_->database.read<Entry>(unknown_id(id), [&](SQLite::Database& db) -> Result<Entry> {
        auto found = entry(db, id);
        if (!found) {
            return unknown_id(id);
        }
        return std::move(*found);
    });
}

Result<Story> Store::story(std::int64_t id) {
    return impl_->database.read<Story>(unknown_id(id), [&](SQLite::Database& db) -> Result<Story> {
        auto found = entry(db, id);
        if (!found) {
            return unknown_id(id);
        }
        return Story{std::move(*found), plan_json(db, id), timeline(db, id),
                     steps(db, id),     samples(db, id),   watched(db, id)};
    });
}

Result<std::optional<SampleRow>> Store::last_sample(std::int64_t id) {
    using Found = std::optional<SampleRow>;
    return impl_->database.read<Found>(
        Found{}, [&](SQLite::Database& db) -> Result<Found> { return newest_sample(db, id); });
}

Result<std::optional<std::int64_t>> Store::lease_of(const std::string& guest) {
    using Id = std::optional<std::int64_t>;
    return impl_->database.read<Id>(Id{}, [&](SQLite::Database& db) -> Result<Id> {
        auto statement = prepared(db,
                                  "SELECT migration_id FROM leases "
                                  "JOIN migrations ON migrations.id = migration_id "
                                  "WHERE guest_name = ?1 OR leases.guest_uuid = lower(?1) "
                                  "ORDER BY migration_id DESC",
                                  guest);
        return statement.executeStep() ? Row(statement).take<Id>() : Id{};
    });
}

Result<PairHistory> Store::pair_history(const std::string& source, const std::string& destination) {
    return impl_->database.read<PairHistory>(
        PairHistory{}, [&](SQLite::Database& db) -> Result<PairHistory> {
            return history::pair_history(db, source, destination);
        });
}

Result<void> Store::request_abort(std::int64_t id) {
    return impl_->database.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        if (auto heard = is_heard(db, id); !heard) {
            return heard;
        }
        execute(db, "UPDATE migrations SET abort_requested = 1 WHERE id = ?", id);
        return {};
    });
}

Result<std::size_t> Store::prune(WallTime ended_before) {
    return impl_->database.write<std::size_t>(Write::durable,
                                              [&](SQLite::Database& db) -> Result<std::size_t> {
                                                  return history::prune(db, ended_before);
                                              });
}

Result<std::int64_t> Store::request_tune(std::int64_t id, const std::vector<Setting>& settings) {
    using Sequence = std::int64_t;
    return impl_->database.write<Sequence>(
        Write::durable, [&](SQLite::Database& db) -> Result<Sequence> {
            if (auto heard = is_heard(db, id); !heard) {
                return fail(heard.error());
            }
            return add_tune(db, id, settings, impl_->clock.wall());
        });
}

Result<std::optional<TuneAnswer>> Store::tune_answer(std::int64_t id, std::int64_t sequence) {
    using Answer = std::optional<TuneAnswer>;
    return impl_->database.read<Answer>(Answer{}, [&](SQLite::Database& db) -> Result<Answer> {
        return answer_of_tune(db, id, sequence);
    });
}

Result<std::string> Store::take_drain(std::int64_t id) {
    return impl_->database.write<std::string>(
        Write::durable, [&](SQLite::Database& db) { return history::take_drain(db, id); });
}

Result<void> Store::give_drain(std::int64_t id) {
    return impl_->database.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        history::give_drain(db, id);
        return {};
    });
}

std::unique_ptr<Evacuations> Store::evacuations() {
    return std::make_unique<Evacuations>(impl_->database, impl_->clock);
}

std::unique_ptr<LocationRegistry> Store::locations() {
    return std::make_unique<SqliteLocations>(impl_->database, impl_->clock);
}

std::unique_ptr<EmulatorMemory> Store::emulators() {
    return std::make_unique<SqliteEmulators>(impl_->database, impl_->clock);
}

std::unique_ptr<Journal> Store::journal() {
    return std::make_unique<SqliteJournal>(impl_->database, impl_->clock);
}

Result<std::unique_ptr<Journal>> Store::adopt(std::int64_t id, Takeover takeover) {
    return SqliteJournal::adopt(impl_->database, impl_->clock, id, takeover);
}

}  // namespace vmigrate::history
