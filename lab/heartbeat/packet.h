// SPDX-License-Identifier: GPL-2.0-or-later
// The heartbeat: what a lab guest sends to the peer every 5 ms, and the ports both sides use.
// Both ends run on the same machine, so values are in its own byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmigrate::lab {

inline constexpr std::uint16_t kEchoPort = 7;     // guest: sends back what it gets
inline constexpr std::uint16_t kControlPort = 9;  // guest: "ID KEY=VALUE ..." changes the workload
inline constexpr std::uint16_t kHeartbeatPort = 7081;            // peer: takes heartbeats
inline constexpr std::uint32_t kHeartbeatMagic = 0x56'4d'48'42;  // "VMHB"
inline constexpr std::uint64_t kHeartbeatPeriodNs = 5'000'000;

// Set once the working memory is filled and the workload runs.
inline constexpr std::uint32_t kFlagReady = 1;

// Longer texts are cut.
inline constexpr std::size_t kFindingBytes = 256;

struct Heartbeat {
    std::uint32_t magic;
    std::uint32_t flags;
    std::uint64_t guest;     // name_hash() of the guest's name
    std::uint64_t boot;      // random, new at each boot: sequences of two boots are not compared
    std::uint64_t sequence;  // 1, 2, ...
    std::uint64_t transactions;
    std::uint64_t dirtied_bytes;  // pages written by the workload, a page counts each time
    std::uint64_t disk_written_bytes;
    std::uint32_t memory_passes;  // whole checks of the working memory
    std::uint32_t disk_passes;    // whole checks of what was written to the disks
    std::uint64_t errors;         // pages and blocks that were not what was last written
    std::uint64_t verified_bytes;
    char finding[kFindingBytes];  // one of the errors, each has its turn; NUL at the end
};
static_assert(sizeof(Heartbeat) == 80 + kFindingBytes);

// FNV-1a, 64 bits.
constexpr std::uint64_t name_hash(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash;
}

}  // namespace vmigrate::lab
