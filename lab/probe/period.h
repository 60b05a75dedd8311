// SPDX-License-Identifier: GPL-2.0-or-later
// Time for those that send at a fixed period.
#pragma once

#include <cstdint>
#include <ctime>

namespace vmigrate::lab {

inline std::uint64_t clock_ns(clockid_t clock) {
    timespec now = {};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// Keeps a period by the monotonic clock. What a late wake-up missed is made up for at once, unless
// it is more than kMakeUpNs: that much together would test queues, not the path.
class Period {
  public:
    explicit Period(std::uint64_t period_ns)
        : period_ns_(period_ns), next_(clock_ns(CLOCK_MONOTONIC)) {}

    void wait() {
        next_ += period_ns_;
        if (const std::uint64_t now = clock_ns(CLOCK_MONOTONIC); next_ + kMakeUpNs < now) {
            next_ = now;
        }
        timespec until = {};
        until.tv_sec = static_cast<time_t>(next_ / 1'000'000'000);
        until.tv_nsec = static_cast<long>(next_ % 1'000'000'000);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }

  private:
    static constexpr std::uint64_t kMakeUpNs = 20'000'000;

    std::uint64_t period_ns_;
    std::uint64_t next_;
};

}  // namespace vmigrate::lab
