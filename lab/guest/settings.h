// SPDX-License-Identifier: GPL-2.0-or-later
// The workload's settings: from the kernel command line, and live from control messages.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "guest/pattern.h"

namespace vmigrate::lab {

// What the verifier must find; a load does it to itself when it is asked to.
enum class Damage {
    kFlip,  // one byte
    kOld,   // a page set back; a write that a disk never got
    kSwap,  // two pages or blocks
    kTorn,  // one half is older than the other
};
inline constexpr const char* kDamageNames[] = {"flip", "old", "swap", "torn"};

// How often each was asked for since the boot.
using Damages = std::array<std::uint64_t, std::size(kDamageNames)>;

// All sizes in bytes, all rates in bytes per second, all shares in percent.
struct Settings {
    std::uint64_t memory = 0;                  // working memory; 0: half of what is free at boot
    std::uint64_t dirty_rate = 8 << 20;        // page writes
    Pattern pattern = Pattern::kRandom;        // of them
    std::uint64_t change = 256;                // bytes that one page write changes
    std::uint64_t hot = 10;                    // share of the memory that is the hot set
    std::uint64_t hot_writes = 90;             // share of the writes that go there
    std::uint64_t clear = 0;                   // share of the writes that leave a page all zero
    std::uint64_t zero = 20;                   // share of pages that are zero for ever
    std::uint64_t random = 20;                 // share that do not compress; the rest is like text
    std::uint64_t verify_rate = 32 << 20;      // memory checked
    std::uint64_t disk_rate = 1 << 20;         // written to each disk
    Pattern disk_pattern = Pattern::kRandom;   // of that
    std::uint64_t disk_block = 4096;           // power of two, 512 bytes to 1 MiB
    std::uint64_t disk_span = 64 << 20;        // part of each disk in use; 0: all of it
    std::uint64_t disk_fill = 0;               // 1: all of it is written before the load is ready
    std::uint64_t disk_zero = 0;               // share of the writes that are "write zeroes"
    std::uint64_t disk_trim = 0;               // share that are discards
    std::uint64_t disk_verify_rate = 2 << 20;  // read back and checked
    std::uint64_t read_back = 5;               // share of the writes read before and after
    Damages damage{};                          // of the memory
    Damages disk_damage{};                     // of each disk
    std::uint64_t restart = 0;                 // how often loads that found a BUG were to go on
    std::uint64_t transactions = 200;          // per second; "max" as fast as it goes
    std::uint64_t report = 0;  // seconds between status lines on the console; 0: none
};

// Thread-safe holder. Threads look at version() now and then and fetch a copy when it changed.
class SettingsStore {
  public:
    // Applies "key=value" words; all or none. Returns "" or what is wrong in one sentence.
    std::string apply(std::string_view words);
    Settings get() const;
    std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }

  private:
    mutable std::mutex mutex_;
    Settings settings_;
    std::atomic<std::uint64_t> version_{1};
};

}  // namespace vmigrate::lab
