// SPDX-License-Identifier: GPL-2.0-or-later
// The guests' taps, seen from the hosts: when QEMU took something from them. A guest that moves
// takes what waited for it as soon as it runs, however long it then needs to answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace vmigrate::lab {

struct Silence {
    std::uint64_t length_ns = 0;
    std::uint64_t start_ns = 0;  // monotonic
};

// Watches as long as it lives, in a thread of its own.
class TapWatch {
  public:
    // `devices`: open files /proc/PID/net/dev, a host each; none: nothing is watched. They stay the
    // caller's.
    explicit TapWatch(std::vector<int> devices);
    ~TapWatch();
    TapWatch(const TapWatch&) = delete;
    TapWatch& operator=(const TapWatch&) = delete;

    // Ends it; the longest time between two packets that any tap delivered, half a millisecond more
    // or less.
    Silence longest();

  private:
    void watch();

    const std::vector<int> devices_;
    std::atomic<bool> done_{false};
    Silence longest_;
    std::thread thread_;
};

}  // namespace vmigrate::lab
