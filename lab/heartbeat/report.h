// SPDX-License-Identifier: GPL-2.0-or-later
// What a stretch of a heartbeat log says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "heartbeat/log.h"

namespace vmigrate::lab {

// All times are CLOCK_MONOTONIC in nanoseconds.
struct Report {
    std::uint64_t packets = 0;     // that arrived in the window
    std::uint64_t lost = 0;        // sent between the first and the last of them, never arrived
    std::uint64_t duplicated = 0;  // arrived again
    std::uint64_t boots = 0;       // starts of the guest seen
    std::uint64_t longest_gap_ns = 0;
    std::uint64_t longest_gap_start_ns = 0;  // arrival of the packet before it
    std::uint64_t last_ns = 0;               // arrival of the last packet
    double transactions_per_s = 0;
    double lowest_transactions_per_s = 0;  // of all windows of 100 ms
    double dirtied_bytes_per_s = 0;
    double disk_written_bytes_per_s = 0;
    std::uint64_t memory_passes = 0;  // in the window
    std::uint64_t disk_passes = 0;
    std::uint64_t errors = 0;
    std::uint64_t verified_bytes = 0;
};

// A gap that overlaps [since, until] counts in full. When nothing arrived after the last packet,
// the gap counts until the smaller of `until` and `now`.
Report evaluate(const std::vector<Record>& records, std::uint64_t since, std::uint64_t until,
                std::uint64_t now);

// The first heartbeat that arrived at or after a CLOCK_REALTIME moment.
std::optional<Record> first_after(const std::vector<Record>& records, std::uint64_t realtime_ns);

}  // namespace vmigrate::lab
