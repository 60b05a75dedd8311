// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/median.h"
#include "history/lease.h"
#include "history/process.h"
#include "history/sql.h"

namespace vmigrate::history {
namespace {

/// What was expected to be sent in a longer pause than this hides what else a pause consists of.
constexpr milliseconds kShortPause{15};

constexpr const char* kSelectEntry =
    "SELECT id, m.guest_uuid, guest_name, source, destination, policy, started_unix_us, "
    "m.ended_unix_us, phase, outcome, reason, m.problems, interrupted, "
    "EXISTS (SELECT 1 FROM steps WHERE migration_id = m.id AND step = 'clear-source' AND "
    "done_unix_us IS NULL), "
    "downtime_limit_ms, blackout_ceiling_ms, predicted_converges, predicted_total_ms, "
    "predicted_blackout_ms, predicted_memory_sent_bytes, predicted_disk_sent_bytes, "
    "setup_ms, total_ms, call_ms, memory_sent_bytes, disk_sent_bytes, blackout_us, guest_speed, "
    "throttled_ms, throttle_percent_max, source_cpu_ms, destination_cpu_ms, "
    "bandwidth_mean_bytes_per_s, iterations, write_limited_ms, write_limit_min_bytes_per_s, "
    "workload_speed, "
    "probe_sent, probe_lost, probe_duplicated, probe_reordered, probe_longest_gap_us, "
    "disks_compared_bytes, disk_mismatches, disks_compared_ms, "
    "l.migration_id, l.holder_machine, l.holder_boot, l.holder_pid_namespace, l.holder_pid, "
    "l.holder_started, "
    "d.migration_id, state, d.began_unix_us, d.ended_unix_us, relayed_packets, quiet_after_ms, "
    "stale_senders, d.problems, d.holder_pid IS NOT NULL, d.holder_machine, d.holder_boot, "
    "d.holder_pid_namespace, d.holder_pid, d.holder_started "
    "FROM migrations AS m LEFT JOIN leases AS l ON l.migration_id = m.id "
    "LEFT JOIN drains AS d ON d.migration_id = m.id ";

constexpr const char* kSelectSample =
    "SELECT elapsed_ms, progress_percent, job, iteration, memory_total_bytes, "
    "memory_remaining_bytes, memory_sent_bytes, disk_total_bytes, disk_remaining_bytes, "
    "disk_sent_bytes, dirty_bytes_per_s, bandwidth_bytes_per_s, expected_downtime_ms, "
    "throttle_percent, convergence_ratio, endless, eta_ms, eta_low_ms, eta_high_ms, "
    "memory_delayed_bytes, write_limit_bytes_per_s, process_cpu_us, vcpus_cpu_us "
    "FROM samples WHERE migration_id = ? ORDER BY sequence ";

std::vector<std::string> texts_of(const std::string& json) {
    return nlohmann::json::parse(json).get<std::vector<std::string>>();
}

/// A holder; all of its columns may be NULL.
std::optional<Process> holder_in(Row& row, bool is_there) {
    if (is_there) {
        return take_process(row);
    }
    constexpr int kColumns = 5;
    row.skip(kColumns);
    return std::nullopt;
}

std::optional<Drain> drain_in(Row& row) {
    if (!row.take<std::optional<std::int64_t>>()) {
        return std::nullopt;
    }
    Drain drain;
    auto& report = drain.report;
    row >> report.state >> drain.began >> drain.ended >> report.relayed_packets >>
        report.quiet_after;
    report.stale_senders = texts_of(row.take<std::string>());
    report.problems = texts_of(row.take<std::string>());
    const bool held = row.take<bool>();
    const auto holder = holder_in(row, held);
    if (holder && report.state == DrainState::draining) {
        drain.holder_pid = static_cast<int>(holder->pid);
        drain.holder_alive = life_of(*holder) != Life::dead;
    }
    return drain;
}

/// Five columns; all or none of them are NULL.
std::optional<ProbeCounts> probe_in(Row& row) {
    const auto sent = row.take<std::optional<std::uint64_t>>();
    if (!sent) {
        constexpr int kOthers = 4;
        row.skip(kOthers);
        return std::nullopt;
    }
    ProbeCounts counts;
    counts.sent = *sent;
    row >> counts.lost >> counts.duplicated >> counts.reordered >> counts.longest_gap;
    return counts;
}

/// Three columns; all or none of them are NULL.
std::optional<DiskMeasures> disks_in(Row& row) {
    const auto compared = row.take<std::optional<Bytes>>();
    if (!compared) {
        constexpr int kOthers = 2;
        row.skip(kOthers);
        return std::nullopt;
    }
    DiskMeasures disks;
    disks.compared = *compared;
    row >> disks.mismatches >> disks.took;
    return disks;
}

Entry entry_of(const SQLite::Statement& statement) {
    Row row(statement);
    Entry entry;
    row >> entry.id >> entry.guest.uuid >> entry.guest.name >> entry.source >> entry.destination >>
        entry.policy >> entry.started >> entry.ended >> entry.phase >> entry.outcome >>
        entry.reason;
    entry.problems = texts_of(row.take<std::string>());
    row >> entry.interrupted >> entry.source_to_clear;

    auto& expected = entry.expected;
    row >> expected.downtime_limit >> expected.blackout_ceiling >> expected.converges >>
        expected.total >> expected.blackout >> expected.memory_sent >> expected.disk_sent;

    auto& measures = entry.measures;
    row >> measures.setup >> measures.total >> measures.call >> measures.memory_sent >>
        measures.disk_sent >> measures.blackout >> measures.guest_speed >> measures.throttled >>
        measures.throttle_percent_max >> measures.source_cpu >> measures.destination_cpu >>
        measures.bandwidth_mean >> measures.iterations >> measures.write_limited >>
        measures.write_limit_min >> measures.workload_speed;
    measures.probe = probe_in(row);
    measures.disks = disks_in(row);

    const bool leased = row.take<std::optional<std::int64_t>>().has_value();
    if (const auto holder = holder_in(row, leased); holder && !entry.outcome) {
        entry.holder_pid = static_cast<int>(holder->pid);
        entry.holder_alive = life_of(*holder) != Life::dead;
    }
    entry.drain = drain_in(row);
    return entry;
}

SampleRow sample_of(const SQLite::Statement& statement) {
    Row row(statement);
    SampleRow result;
    auto& sample = result.sample;
    row >> result.elapsed >> result.progress_percent >> sample.job >> sample.iteration >>
        sample.memory_total >> sample.memory_remaining >> sample.memory_sent >> sample.disk_total >>
        sample.disk_remaining >> sample.disk_sent >> sample.dirty_rate >> sample.bandwidth >>
        sample.expected_downtime >> sample.throttle_percent;
    auto& forecast = result.forecast;
    row >> forecast.convergence_ratio >> forecast.endless >> forecast.eta >> forecast.eta_low >>
        forecast.eta_high;
    if (const auto delayed = row.take<std::optional<Bytes>>()) {
        sample.delayed = DelayedMemory{.active = delayed->count > 0, .dirty = *delayed};
    }
    row >> sample.write_limit;
    const auto process = row.take<std::optional<microseconds>>();
    const auto vcpus = row.take<std::optional<microseconds>>();
    if (process && vcpus) {
        sample.cpu = CpuUse{*process, *vcpus};
    }
    sample.at = TimePoint(result.elapsed);
    return result;
}

/// What was held by its own limit says nothing about the link (nor does what was compressed, or
/// shared the link with a disk).
bool tells_of_link(BytesPerSecond mean, BytesPerSecond limit) {
    constexpr double kHeld = 0.7;
    return limit.count == 0 || mean < limit * kHeld;
}

}  // namespace

std::vector<Entry> entries(const SQLite::Database& database, const Filter& filter) {
    // Each form reads one index from its newest end. The `+` keeps SQLite from preferring the
    // index of outcomes, where a guest's few migrations are among many.
    std::string where = "WHERE TRUE ";
    if (filter.guest) {
        where +=
            "AND id IN (SELECT id FROM migrations WHERE guest_name = ?1 "
            "UNION SELECT id FROM migrations WHERE guest_uuid = lower(?1)) ";
    }
    if (filter.draining) {
        where += "AND id IN (SELECT migration_id FROM drains WHERE state = 'draining') ";
    }
    const std::string outcome = filter.guest ? "+outcome" : "outcome";
    if (filter.unfinished) {
        where += fmt::format("AND {} IS NULL ", outcome);
    } else if (filter.outcome) {
        where += fmt::format("AND {} = ?2 ", outcome);
    }
    where += filter.source ? "AND source = ?4 " : "";
    where += filter.destination ? "AND destination = ?5 " : "";
    where += filter.policy ? "AND policy = ?6 " : "";
    where += filter.since ? "AND started_unix_us >= ?7 " : "";
    where += filter.until ? "AND started_unix_us < ?8 " : "";
    SQLite::Statement statement(database, kSelectEntry + where + "ORDER BY id DESC LIMIT ?3");
    const auto bind_used = [&](int index, const auto& value) {
        if (value) {
            bind_value(statement, index, *value);
        }
    };
    bind_used(1, filter.guest);
    if (!filter.unfinished) {
        bind_used(2, filter.outcome);
    }
    bind_used(4, filter.source);
    bind_used(5, filter.destination);
    bind_used(6, filter.policy);
    bind_used(7, filter.since);
    bind_used(8, filter.until);
    constexpr std::int64_t kNoLimit = -1;
    bind_value(statement, 3,
               filter.limit == 0 ? kNoLimit : static_cast<std::int64_t>(filter.limit));
    std::vector<Entry> result;
    while (statement.executeStep()) {
        result.push_back(entry_of(statement));
    }
    return result;
}

std::size_t prune(const SQLite::Database& database, WallTime ended_before) {
    const std::string old =
        "(SELECT id FROM migrations WHERE ended_unix_us < ?1 AND outcome <> 'unknown' "
        "AND id NOT IN (SELECT migration_id FROM leases) "
        "AND id NOT IN (SELECT migration_id FROM drains WHERE state = 'draining'))";
    execute(database,
            "UPDATE evacuation_guests SET migration_id = NULL WHERE migration_id IN " + old,
            ended_before);
    for (const auto* table : {"plans", "timeline", "steps", "samples", "tunes", "drains",
                              "probe_slices", "workload_readings"}) {
        execute(database, fmt::format("DELETE FROM {} WHERE migration_id IN {}", table, old),
                ended_before);
    }
    return static_cast<std::size_t>(
        execute(database, "DELETE FROM migrations WHERE id IN " + old, ended_before));
}

std::optional<Entry> entry(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database, std::string(kSelectEntry) + "WHERE id = ?", id);
    return statement.executeStep() ? std::optional(entry_of(statement)) : std::nullopt;
}

std::string plan_json(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database, "SELECT plan FROM plans WHERE migration_id = ?", id);
    return statement.executeStep() ? Row(statement).take<std::string>() : "";
}

std::vector<TimelineRow> timeline(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database,
                              "SELECT at_unix_us, phase, note FROM timeline "
                              "WHERE migration_id = ? ORDER BY sequence",
                              id);
    std::vector<TimelineRow> result;
    while (statement.executeStep()) {
        auto& entry = result.emplace_back();
        Row(statement) >> entry.at >> entry.phase >> entry.note;
    }
    return result;
}

std::vector<StepRow> steps(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database,
                              "SELECT sequence, step, done_unix_us IS NOT NULL, "
                              "iif(result = '', detail, result) FROM steps "
                              "WHERE migration_id = ? ORDER BY sequence",
                              id);
    std::vector<StepRow> result;
    while (statement.executeStep()) {
        auto& step = result.emplace_back();
        Row(statement) >> step.sequence >> step.step >> step.done >> step.detail;
    }
    return result;
}

std::vector<SampleRow> samples(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database, kSelectSample, id);
    std::vector<SampleRow> result;
    while (statement.executeStep()) {
        result.push_back(sample_of(statement));
    }
    return result;
}

std::optional<SampleRow> newest_sample(const SQLite::Database& database, std::int64_t id) {
    auto statement = prepared(database, std::string(kSelectSample) + "DESC LIMIT 1", id);
    return statement.executeStep() ? std::optional(sample_of(statement)) : std::nullopt;
}

PairHistory pair_history(const SQLite::Database& database, const std::string& source,
                         const std::string& destination) {
    auto statement = prepared(database,
                              "SELECT bandwidth_mean_bytes_per_s, blackout_us, "
                              "json_extract(plan, '$.prediction.pause_ms'), setup_ms, "
                              "predicted_disk_sent_bytes, "
                              "json_extract(plan, '$.asked.bandwidth_bytes_per_s'), "
                              "json_extract(plan, '$.call.qemu_capabilities.lz4') "
                              "FROM migrations LEFT JOIN plans ON migration_id = id "
                              "WHERE source = ? AND destination = ? "
                              "AND +outcome IN (?, ?) ORDER BY id DESC LIMIT 20",
                              source, destination, Outcome::moved, Outcome::moved_with_problems);
    PairHistory history;
    std::vector<BytesPerSecond> bandwidths;
    std::vector<milliseconds> overheads;
    std::vector<milliseconds> setups;
    while (statement.executeStep()) {
        ++history.migrations;
        Row row(statement);
        const auto bandwidth = row.take<std::optional<BytesPerSecond>>();
        const auto blackout = row.take<std::optional<microseconds>>();
        const auto pause = row.take<std::optional<milliseconds>>();
        const auto setup = row.take<std::optional<milliseconds>>();
        const auto disks = row.take<Bytes>();
        const auto asked = row.take<std::optional<BytesPerSecond>>();
        const bool packed = row.take<std::optional<bool>>().value_or(false);
        if (bandwidth && !packed && disks.count == 0 &&
            tells_of_link(*bandwidth, asked.value_or(BytesPerSecond{}))) {
            bandwidths.push_back(*bandwidth);
        }
        if (blackout && pause && *pause <= kShortPause && disks.count == 0) {
            const auto beyond = std::chrono::ceil<milliseconds>(*blackout) - *pause;
            overheads.push_back(std::max(beyond, milliseconds(0)));
        }
        if (setup && disks.count == 0) {
            setups.push_back(*setup);
        }
    }
    history.bandwidth = median(std::move(bandwidths));
    history.overhead = median(std::move(overheads));
    history.setup = median(std::move(setups));
    return history;
}

}  // namespace vmigrate::history
