// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/watched.h"

#include "history/sql.h"

namespace vmigrate::history {
namespace {

milliseconds since(TimePoint began, TimePoint at) {
    return std::chrono::floor<milliseconds>(at - began);
}

}  // namespace

void write_watched(const SQLite::Database& database, std::int64_t id, const Observations& watched,
                   TimePoint began) {
    int sequence = 0;
    for (const auto& slice : watched.probe) {
        execute(database, "INSERT INTO probe_slices VALUES (?, ?, ?, ?, ?, ?)", id, ++sequence,
                since(began, slice.at), slice.length, slice.sent, slice.lost);
    }
    sequence = 0;
    for (const auto& reading : watched.workload) {
        execute(database, "INSERT INTO workload_readings VALUES (?, ?, ?, ?)", id, ++sequence,
                since(began, reading.at), reading.count);
    }
}

Observations watched(const SQLite::Database& database, std::int64_t id) {
    Observations watched;
    auto slices = prepared(database,
                           "SELECT elapsed_ms, length_ms, probe_sent, probe_lost FROM probe_slices "
                           "WHERE migration_id = ? ORDER BY sequence",
                           id);
    while (slices.executeStep()) {
        Row row(slices);
        auto& slice = watched.probe.emplace_back();
        slice.at = TimePoint(row.take<milliseconds>());
        row >> slice.length >> slice.sent >> slice.lost;
    }
    auto readings = prepared(database,
                             "SELECT elapsed_ms, workload_count FROM workload_readings "
                             "WHERE migration_id = ? ORDER BY sequence",
                             id);
    while (readings.executeStep()) {
        Row row(readings);
        auto& reading = watched.workload.emplace_back();
        reading.at = TimePoint(row.take<milliseconds>());
        row >> reading.count;
    }
    return watched;
}

}  // namespace vmigrate::history
