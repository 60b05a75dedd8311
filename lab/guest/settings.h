// SPDX-License-Identifier: GPL-2.0-or-later
// The workload's settings: from the kernel command line, and live from control messages.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace vmigrate::lab {

// All sizes in bytes, all rates in bytes per second, all shares in percent.
struct Settings {
    std::uint64_t memory = 0;                  // working memory; 0: half of what is free at boot
    std::uint64_t dirty_rate = 8 << 20;        // page writes
    std::uint64_t change = 256;                // bytes that one page write changes
    std::uint64_t hot = 10;                    // share of the memory that is the hot set
    std::uint64_t hot_writes = 90;             // share of the writes that go there
    std::uint64_t zero = 20;                   // share of pages that are all zero
    std::uint64_t random = 20;                 // share that do not compress; the rest is like text
    std::uint64_t damage = 0;                  // pages set back on purpose since the boot, to
                                               // see that the verifier finds them
    std::uint64_t verify_rate = 32 << 20;      // memory checked
    std::uint64_t disk_rate = 1 << 20;         // written to each disk
    std::uint64_t disk_block = 4096;           // multiple of 512, at most 1 MiB
    std::uint64_t disk_span = 64 << 20;        // part of each disk in use; 0: all of it
    std::uint64_t disk_verify_rate = 2 << 20;  // read back and checked
    std::uint64_t transactions = 200;          // per second; "max" as fast as it goes
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
