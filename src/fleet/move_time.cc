// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/move_time.h"

#include <algorithm>
#include <cmath>

namespace vmigrate::fleet {
namespace {

/// Figures of orchestrator/options.h and policy_throttle.cc.
constexpr double kDowntimeLimit = 0.3;
constexpr double kStalled = 0.95;
constexpr double kThrottledShare = 0.2;
constexpr unsigned kMostPasses = 30;
/// A move that would take longer than this never ends.
constexpr double kLongest = 1e9;

struct Sending {
    double seconds = 0;
    double bytes = 0;
    bool throttled = false;
};

/// Of a part of the memory, after a time in which it was written so fast.
double dirtied(double bytes, double bytes_per_s, double seconds) {
    return bytes > 0 ? bytes * -std::expm1(-bytes_per_s * seconds / bytes) : 0.0;
}

Sending send(const Load& load, BytesPerSecond bandwidth, bool hurried) {
    const double all = static_cast<double>(load.to_send.count);
    const double rate =
        static_cast<double>(bandwidth.count > 0 ? bandwidth.count : kAssumedBandwidth.count);
    double dirty_rate = static_cast<double>(load.dirty_rate.count);
    const double hot = std::min(all, static_cast<double>(load.hot.count));
    Sending result;
    result.bytes = static_cast<double>(load.disks.count);
    double pass = all;
    for (unsigned number = 0; number < kMostPasses && pass > rate * kDowntimeLimit; ++number) {
        result.bytes += pass;
        const double next = dirtied(hot, dirty_rate * load.hot_writes, pass / rate) +
                            dirtied(all - hot, dirty_rate * (1 - load.hot_writes), pass / rate);
        // the first pass says nothing about convergence
        const bool stalls = number > 0 && next > pass * kStalled;
        if ((stalls || hurried) && dirty_rate > rate * kThrottledShare) {
            dirty_rate = rate * kThrottledShare;
            result.throttled = true;
        }
        pass = next;
    }
    result.bytes += pass;
    result.seconds = std::min(result.bytes / rate, kLongest);
    return result;
}

milliseconds up_to_whole(double ms) {
    return milliseconds(static_cast<std::int64_t>(std::ceil(std::max(0.0, ms) - 1e-6)));
}

}  // namespace

MoveTime move_time(const Load& load, BytesPerSecond bandwidth, bool hurried) {
    const auto sending = send(load, bandwidth, hurried);
    return {load.fixed, up_to_whole(sending.seconds * 1000),
            Bytes{static_cast<std::uint64_t>(sending.bytes)}, sending.throttled};
}

Journey::Journey(const Load& load, bool hurried, double slowness)
    : load_(load),
      hurried_(hurried),
      slowness_(slowness),
      fixed_left_(static_cast<double>(load.fixed.count()) * slowness) {}

double Journey::sending_ms(BytesPerSecond bandwidth) const {
    if (known_ms_ < 0 || known_bandwidth_ != bandwidth) {
        known_bandwidth_ = bandwidth;
        known_ms_ = 1000 * slowness_ * send(load_, bandwidth, hurried_).seconds;
    }
    return known_ms_;
}

void Journey::advance(milliseconds time, BytesPerSecond bandwidth) {
    double ms = static_cast<double>(time.count());
    const double fixed = std::min(ms, fixed_left_);
    fixed_left_ -= fixed;
    ms -= fixed;
    if (ms > 0) {
        const double all = sending_ms(bandwidth);
        send_left_ = all > 0 ? std::max(0.0, send_left_ - ms / all) : 0.0;
    }
}

void Journey::hurry() {
    hurried_ = true;
    known_ms_ = -1;
}

milliseconds Journey::until_sending() const {
    return up_to_whole(fixed_left_);
}

milliseconds Journey::left(BytesPerSecond bandwidth) const {
    return up_to_whole(fixed_left_ + send_left_ * sending_ms(bandwidth));
}

}  // namespace vmigrate::fleet
