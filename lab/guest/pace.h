// SPDX-License-Identifier: GPL-2.0-or-later
// Small tools of the workload threads: a random generator, a pacer, a clock for stamps.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <thread>

namespace vmigrate::lab {

// xorshift64*: fast also under emulation; not for secrets.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 | 1) {}
    std::uint64_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545f4914f6cdd1d;
    }
    std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }

  private:
    std::uint64_t state_;
};

// Turns a rate into work to do now. Lost time (a slow disk, a throttled vCPU) is made up for 50 ms
// at most, so that a stall is not followed by a storm.
class Pacer {
  public:
    using Clock = std::chrono::steady_clock;

    // Sleeps until at least one unit is due at `rate` units per second (0: none), but 20 ms at
    // most; returns how many are due.
    std::uint64_t wait(std::uint64_t rate) {
        const auto tick = std::chrono::milliseconds(2);
        const auto give_up = Clock::now() + std::chrono::milliseconds(20);
        for (;;) {
            const auto now = Clock::now();
            const double elapsed = std::chrono::duration<double>(now - last_).count();
            last_ = now;
            const double burst = std::max(1.0, static_cast<double>(rate) * 0.05);
            due_ = std::min(burst, due_ + elapsed * static_cast<double>(rate));
            if (rate > 0 && due_ >= 1) {
                // never more at once than the caller can do before it looks at its settings again
                const auto units = static_cast<std::uint64_t>(std::min(due_, 4096.0));
                due_ -= static_cast<double>(units);
                return units;
            }
            if (now >= give_up) {
                return 0;
            }
            std::this_thread::sleep_for(tick);
        }
    }

  private:
    Clock::time_point last_ = Clock::now();
    double due_ = 0;
};

// Nanoseconds since the boot, exact to a tick; costs no exit from the guest, whatever its clock.
inline std::uint64_t stamp_time_ns() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace vmigrate::lab
