// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "history/lease.h"
#include "history/rows.h"
#include "history/sql.h"
#include "history/tunes.h"
#include "history/watched.h"
#include "orchestrator/json.h"

namespace vmigrate::history {
namespace {

/// A time that never comes is not known.
std::optional<milliseconds> finite(milliseconds time) {
    return time == milliseconds::max() ? std::nullopt : std::optional(time);
}

std::int64_t insert_migration(const SQLite::Database& database, const Plan& plan, WallTime now) {
    const auto& prediction = plan.prediction;
    execute(database,
            "INSERT INTO migrations (guest_uuid, guest_name, source, destination, policy, "
            "started_unix_us, phase, downtime_limit_ms, blackout_ceiling_ms, predicted_converges, "
            "predicted_total_ms, predicted_blackout_ms, predicted_memory_sent_bytes, "
            "predicted_disk_sent_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            plan.guest.ref.uuid, plan.guest.ref.name, plan.source.name, plan.destination.host.name,
            plan.request.policy, now, Phase::planned, plan.call.downtime_limit,
            plan.request.options.blackout_ceiling, prediction.converges, finite(prediction.total),
            finite(prediction.blackout), prediction.memory_sent, prediction.disk_sent);
    const auto id = database.getLastInsertRowid();
    execute(database, "INSERT INTO plans (migration_id, plan) VALUES (?, ?)", id,
            line(to_json(plan)));
    return id;
}

void write_outcome(const SQLite::Database& database, std::int64_t id, const Record& record,
                   WallTime now) {
    const auto& measures = record.measures;
    execute(database,
            "UPDATE migrations SET outcome = ?, ended_unix_us = ?, reason = ?, problems = ?, "
            "interrupted = ?, setup_ms = ?, total_ms = ?, call_ms = ?, memory_sent_bytes = ?, "
            "disk_sent_bytes = ?, blackout_us = ?, guest_speed = ?, throttled_ms = ?, "
            "throttle_percent_max = ?, source_cpu_ms = ?, destination_cpu_ms = ?, "
            "bandwidth_mean_bytes_per_s = ?, iterations = ?, write_limited_ms = ?, "
            "write_limit_min_bytes_per_s = ?, workload_speed = ? WHERE id = ?",
            record.outcome, now, record.reason, line(Json(record.problems)), record.interrupted,
            measures.setup, measures.total, measures.call, measures.memory_sent, measures.disk_sent,
            measures.blackout, measures.guest_speed, measures.throttled,
            measures.throttle_percent_max, measures.source_cpu, measures.destination_cpu,
            measures.bandwidth_mean, measures.iterations, measures.write_limited,
            measures.write_limit_min, measures.workload_speed, id);
    if (const auto& probe = measures.probe) {
        execute(database,
                "UPDATE migrations SET probe_sent = ?, probe_lost = ?, probe_duplicated = ?, "
                "probe_reordered = ?, probe_longest_gap_us = ? WHERE id = ?",
                probe->sent, probe->lost, probe->duplicated, probe->reordered, probe->longest_gap,
                id);
    }
    if (const auto& disks = measures.disks) {
        execute(database,
                "UPDATE migrations SET disks_compared_bytes = ?, disk_mismatches = ?, "
                "disks_compared_ms = ? WHERE id = ?",
                disks->compared, disks->mismatches, disks->took, id);
    }
}

/// Whether `entry` may be taken over now; `lease` is the one on its guest.
Result<void> may_adopt(const SQLite::Database& database, const Entry& entry,
                       const std::optional<Lease>& lease, Takeover takeover) {
    if (lease && lease->migration == entry.id) {
        const Life life = life_of(lease->holder);
        const bool told_so = life == Life::out_of_sight && takeover == Takeover::from_out_of_sight;
        return life == Life::dead || told_so ? Result<void>{} : fail(held(*lease, life));
    }
    if (entry.outcome != Outcome::unknown && !left_something(entry)) {
        return fail(ErrorKind::usage,
                    fmt::format("migration {} has ended ({}): there is nothing to recover",
                                entry.id, entry.outcome ? name_of(*entry.outcome) : "no lease"));
    }
    if (lease) {
        return fail(held(*lease, life_of(lease->holder)));
    }
    auto newer =
        prepared(database, "SELECT max(id) FROM migrations WHERE guest_uuid = ?", entry.guest.uuid);
    newer.executeStep();
    if (const auto newest = Row(newer).take<std::int64_t>(); newest > entry.id) {
        return fail(ErrorKind::usage,
                    fmt::format("guest {} was moved again since, by migration {}: there is nothing "
                                "to recover of migration {}",
                                vmigrate::quoted(entry.guest.name), newest, entry.id));
    }
    return {};
}

/// The last phase it entered before somebody gave it an end.
Phase reached(const SQLite::Database& database, const Entry& entry) {
    auto phase = Phase::planned;
    for (const auto& row : timeline(database, entry.id)) {
        if (row.phase != Phase::ended) {
            phase = std::max(phase, row.phase);
        }
    }
    return phase;
}

}  // namespace

SqliteJournal::SqliteJournal(Database& database, const Clock& clock)
    : database_(database), clock_(clock) {}

Result<std::unique_ptr<Journal>> SqliteJournal::adopt(Database& database, const Clock& clock,
                                                      std::int64_t id, Takeover takeover) {
    using Adopted = std::unique_ptr<Journal>;
    return database.write<Adopted>(Write::durable, [&](SQLite::Database& db) -> Result<Adopted> {
        const auto found = entry(db, id);
        if (!found) {
            return fail(ErrorKind::not_found, fmt::format("no migration {} in the history", id));
        }
        const auto lease = lease_on(db, found->guest.uuid);
        if (const auto allowed = may_adopt(db, *found, lease, takeover); !allowed) {
            return fail(allowed.error());
        }
        auto journal = std::make_unique<SqliteJournal>(database, clock);
        journal->id_ = id;
        journal->phase_ = reached(db, *found);
        journal->began_ =
            clock.now() - std::chrono::floor<milliseconds>(clock.wall() - found->started);
        take_lease(db, found->guest.uuid, id);
        execute(db,
                "UPDATE migrations SET outcome = NULL, ended_unix_us = NULL, abort_requested = 0, "
                "phase = ? WHERE id = ?",
                journal->phase_, id);
        journal->add_to_timeline(db, journal->phase_, "taken over for recovery");
        return journal;
    });
}

Result<std::int64_t> SqliteJournal::begin(const Plan& plan) {
    if (id_ != 0) {
        return fail(ErrorKind::internal, fmt::format("migration {} was begun already", id_));
    }
    const auto began = clock_.now();
    auto id = database_.write<std::int64_t>(
        Write::durable, [&](SQLite::Database& db) -> Result<std::int64_t> {
            if (const auto lease = lease_on(db, plan.guest.ref.uuid)) {
                return fail(held(*lease, life_of(lease->holder)));
            }
            id_ = insert_migration(db, plan, clock_.wall());
            take_lease(db, plan.guest.ref.uuid, id_);
            add_to_timeline(db, Phase::planned, "");
            return id_;
        });
    // What was rolled back was never begun.
    id_ = id.value_or(0);
    began_ = began;
    return id;
}

Result<void> SqliteJournal::intend(Step step, const std::string& detail) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        execute(db,
                "INSERT INTO steps (migration_id, sequence, step, intended_unix_us, detail) "
                "SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4 FROM steps "
                "WHERE migration_id = ?1",
                id_, step, clock_.wall(), detail);
        return {};
    });
}

Result<void> SqliteJournal::done(Step step, const std::string& detail) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    return database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        const int changed =
            execute(db,
                    "UPDATE steps SET done_unix_us = ?1, result = ?2 WHERE migration_id = ?3 AND "
                    "sequence = (SELECT sequence FROM steps WHERE migration_id = ?3 AND step = ?4 "
                    "AND done_unix_us IS NULL ORDER BY detail = ?2 DESC, sequence DESC LIMIT 1)",
                    clock_.wall(), detail, id_, step);
        if (changed == 0) {
            return fail(ErrorKind::internal,
                        fmt::format("step {} of migration {} is done but was never intended",
                                    name_of(step), id_));
        }
        return {};
    });
}

Result<void> SqliteJournal::phase(Phase phase, std::string_view note) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    if (phase < phase_) {
        return fail(ErrorKind::internal, fmt::format("phase {} of migration {} cannot follow {}",
                                                     name_of(phase), id_, name_of(phase_)));
    }
    auto stored = database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        execute(db, "UPDATE migrations SET phase = ? WHERE id = ?", phase, id_);
        add_to_timeline(db, phase, note);
        return {};
    });
    if (stored) {
        phase_ = phase;
    }
    return stored;
}

Result<void> SqliteJournal::sample(const Sample& sample, unsigned progress_percent,
                                   const Forecast& forecast) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    const auto elapsed =
        std::max(std::chrono::floor<milliseconds>(sample.at - began_), milliseconds(0));
    std::optional<microseconds> process;
    std::optional<microseconds> vcpus;
    if (sample.cpu) {
        process = sample.cpu->process;
        vcpus = sample.cpu->vcpus;
    }
    return database_.write<void>(Write::fleeting, [&](SQLite::Database& db) -> Result<void> {
        execute(db,
                "INSERT INTO samples SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4, ?5, "
                "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, "
                "?21, ?22, ?23, ?24 FROM samples WHERE migration_id = ?1",
                id_, elapsed, progress_percent, sample.job, sample.iteration, sample.memory_total,
                sample.memory_remaining, sample.memory_sent, sample.disk_total,
                sample.disk_remaining, sample.disk_sent, sample.dirty_rate, sample.bandwidth,
                sample.expected_downtime, sample.throttle_percent, forecast.convergence_ratio,
                forecast.endless, forecast.eta, forecast.eta_low, forecast.eta_high,
                sample.memory_delayed(), sample.write_limit, process, vcpus);
        return {};
    });
}

Result<void> SqliteJournal::note(std::string_view text) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    return database_.write<void>(Write::soon, [&](SQLite::Database& db) -> Result<void> {
        add_to_timeline(db, phase_, text);
        return {};
    });
}

Result<void> SqliteJournal::finish(const Record& record) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    auto stored = database_.write<void>(Write::durable, [&](SQLite::Database& db) -> Result<void> {
        write_outcome(db, id_, record, clock_.wall());
        write_watched(db, id_, record.watched, began_);
        release_lease(db, id_);
        // Who ended without knowing keeps the phase, for it says where to look.
        if (phase_ != Phase::ended && record.outcome != Outcome::unknown) {
            execute(db, "UPDATE migrations SET phase = ? WHERE id = ?", Phase::ended, id_);
            add_to_timeline(db, Phase::ended, record.reason);
        }
        return {};
    });
    finished_ = stored.has_value();
    return stored;
}

bool SqliteJournal::abort_requested() {
    if (!under_way()) {
        return false;
    }
    const auto requested = database_.read<bool>(false, [&](SQLite::Database& db) -> Result<bool> {
        auto statement = prepared(db, "SELECT abort_requested FROM migrations WHERE id = ?", id_);
        return statement.executeStep() && Row(statement).take<bool>();
    });
    return requested.value_or(false);
}

std::vector<TuneRequest> SqliteJournal::tune_requests() {
    using Requests = std::vector<TuneRequest>;
    if (!under_way()) {
        return {};
    }
    const auto found = database_.read<Requests>(
        Requests{}, [&](SQLite::Database& db) -> Result<Requests> { return open_tunes(db, id_); });
    return found.value_or(Requests{});
}

Result<void> SqliteJournal::answer(const TuneRequest& request, const TuneAnswer& answer) {
    if (auto ready = under_way(); !ready) {
        return ready;
    }
    return database_.write<void>(Write::soon, [&](SQLite::Database& db) -> Result<void> {
        execute(db,
                "UPDATE tunes SET fate = ?, reason = ?, answered_unix_us = ? "
                "WHERE migration_id = ? AND sequence = ?",
                answer.fate, answer.reason, clock_.wall(), id_, request.sequence);
        return {};
    });
}

Result<void> SqliteJournal::under_way() const {
    if (id_ == 0) {
        return fail(ErrorKind::internal, "the migration was not begun");
    }
    if (finished_) {
        return fail(ErrorKind::internal, fmt::format("migration {} has ended", id_));
    }
    return {};
}

void SqliteJournal::add_to_timeline(const SQLite::Database& database, Phase phase,
                                    std::string_view note) {
    execute(database,
            "INSERT INTO timeline SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4 "
            "FROM timeline WHERE migration_id = ?1",
            id_, clock_.wall(), phase, note);
}

}  // namespace vmigrate::history
