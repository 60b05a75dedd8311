// SPDX-License-Identifier: GPL-2.0-or-later
// What the threads of the guest program count for the heartbeat, and how they cry.
#pragma once

#include <atomic>
#include <cstdint>

namespace vmigrate::lab {

struct Counters {
    std::atomic<std::uint64_t> transactions{0};
    std::atomic<std::uint64_t> dirtied_bytes{0};
    std::atomic<std::uint64_t> disk_written_bytes{0};
    std::atomic<std::uint32_t> memory_passes{0};
    std::atomic<std::uint32_t> disk_passes{0};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<bool> ready{false};
};

// Counts an error and prints "BUG ..." on the console: the first 50, then every 1000th.
[[gnu::format(printf, 2, 3)]] void bug(Counters& counters, const char* format, ...);

}  // namespace vmigrate::lab
