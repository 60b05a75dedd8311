// SPDX-License-Identifier: GPL-2.0-or-later
// What the threads of the guest program count for the heartbeat.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "guest/findings.h"

namespace vmigrate::lab {

struct Counters {
    std::atomic<std::uint64_t> transactions{0};
    std::atomic<std::uint64_t> dirtied_bytes{0};
    std::atomic<std::uint64_t> disk_written_bytes{0};
    std::atomic<std::uint64_t> verified_bytes{0};  // of memory and disks
    std::atomic<std::uint32_t> memory_passes{0};
    std::atomic<std::uint32_t> disk_passes{0};  // of all disks together
    std::atomic<std::size_t> disks{0};
    std::array<std::atomic<std::uint32_t>, 26> passes_of_disk{};
    std::atomic<std::uint64_t> errors{0};  // findings, and what else went wrong with a disk
    std::atomic<int> loads_to_fill{1};     // the workload runs when it is 0
    Findings findings;
};

}  // namespace vmigrate::lab
