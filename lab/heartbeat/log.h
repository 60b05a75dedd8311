// SPDX-License-Identifier: GPL-2.0-or-later
// The log of one guest's heartbeats: an array of records in a file, the latest last. A log that
// grows over the limit is renamed to "*.old", of which there is one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vmigrate::lab {

struct Record {
    std::uint64_t monotonic_ns;  // when it arrived, CLOCK_MONOTONIC of the machine
    std::uint64_t realtime_ns;   // the same moment, CLOCK_REALTIME
    std::uint64_t boot;          // from here on: see Heartbeat
    std::uint64_t sequence;
    std::uint64_t transactions;
    std::uint64_t dirtied_bytes;
    std::uint64_t disk_written_bytes;
    std::uint32_t memory_passes;
    std::uint32_t disk_passes;
    std::uint64_t errors;
    std::uint64_t verified_bytes;
};
static_assert(sizeof(Record) == 80);

inline constexpr std::uint64_t kLogLimitBytes = 128 << 20;  // 2.3 hours

// What the verifier found, a line each, in the order of arrival: `base`.bugs. Missing: nothing.
std::vector<std::string> read_bugs(const std::string& base);

// `base`.old followed by `base`.log. Missing files are empty.
std::vector<Record> read_log(const std::string& base);

}  // namespace vmigrate::lab
