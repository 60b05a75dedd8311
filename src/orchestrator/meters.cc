// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/meters.h"

#include <algorithm>

namespace vmigrate {
namespace {

/// Shorter windows say more about the kernel's clock ticks than about the guest.
constexpr milliseconds kShortestWindow{500};
/// Below this share of one processor the guest has no speed to lose.
constexpr double kIdle = 0.02;
constexpr unsigned kMostBeforeEnd = 99;

std::size_t index(Side side) {
    return side == Side::source ? 0 : 1;
}

double seconds_between(TimePoint from, TimePoint to) {
    return std::chrono::duration<double>(to - from).count();
}

double rate(const CpuUse& from, const CpuUse& to, double time) {
    return std::chrono::duration<double>(to.vcpus - from.vcpus).count() / time;
}

/// Between two readings it is taken to grow evenly. REQUIRES: `at` is not outside of them.
double count_at(const std::vector<WorkloadReading>& readings, TimePoint at) {
    const auto after = std::ranges::lower_bound(readings, at, {}, &WorkloadReading::at);
    const auto count = static_cast<double>(after->count);
    if (after->at == at || after == readings.begin()) {
        return count;
    }
    const auto& before = *std::prev(after);
    const double share = seconds_between(before.at, at) / seconds_between(before.at, after->at);
    return static_cast<double>(before.count) * (1 - share) + count * share;
}

}  // namespace

void BlackoutMeter::saw(Side side, const EventTime& time) {
    if (!time.stamped) {
        return;
    }
    const Offset offset = time.arrived.time_since_epoch() - time.stamped->time_since_epoch();
    auto& best = offset_[index(side)];
    best = best ? std::min(*best, offset) : offset;
}

void BlackoutMeter::stopped(const EventTime& time) {
    saw(Side::source, time);
    stopped_ = time;
}

void BlackoutMeter::resumed(const EventTime& time) {
    saw(Side::destination, time);
    if (!resumed_) {
        resumed_ = time;
    }
}

TimePoint BlackoutMeter::ours(Side side, const EventTime& time) const {
    const auto& offset = offset_[index(side)];
    if (!time.stamped || !offset) {
        return time.arrived;
    }
    return TimePoint(time.stamped->time_since_epoch() + *offset);
}

std::optional<microseconds> BlackoutMeter::blackout() const {
    if (!stopped_ || !resumed_) {
        return std::nullopt;
    }
    // Both by stamps or both by arrival: mixing would put one delivery time into the difference.
    const bool stamped = stopped_->stamped && resumed_->stamped;
    const auto gap = stamped ? ours(Side::destination, *resumed_) - ours(Side::source, *stopped_)
                             : resumed_->arrived - stopped_->arrived;
    return std::max(microseconds(0), std::chrono::duration_cast<microseconds>(gap));
}

Progress ProgressMeter::update(Phase phase, const Sample& sample, const Forecast& forecast) {
    // A part that has not begun yet remains whole.
    const bool memory_begun = sample.memory_total.count > 0;
    const bool disks_begun = sample.disk_total.count > 0;
    const auto total =
        (memory_begun ? sample.memory_total : memory_) + (disks_begun    ? sample.disk_total
                                                          : memory_begun ? Bytes{}
                                                                         : disks_);
    const auto remaining =
        (memory_begun ? sample.memory_remaining : memory_) + (disks_begun    ? sample.disk_remaining
                                                              : memory_begun ? Bytes{}
                                                                             : disks_);
    if (total.count > 0 && sample.iteration == 0) {
        const auto done = total - remaining;
        const auto share = static_cast<double>(done.count) / static_cast<double>(total.count);
        const auto percent = std::min(kMostBeforeEnd, static_cast<unsigned>(share * 100));
        percent_ = std::max(percent_, std::min(percent, told_));
        told_ = percent;
    }
    if (sample.iteration > 0 || phase >= Phase::handover) {
        percent_ = std::max(percent_, kMostBeforeEnd - 4);
    }
    if (phase >= Phase::switched) {
        percent_ = kMostBeforeEnd;
    }
    last_ = {.phase = phase,
             .percent = percent_,
             .iteration = sample.iteration,
             .remaining = remaining,
             .total = total,
             .dirty_rate = sample.dirty_rate,
             .bandwidth = sample.bandwidth,
             .throttle_percent = sample.throttle_percent,
             .forecast = forecast,
             .elapsed = std::chrono::duration_cast<milliseconds>(sample.at - started_)};
    return last_;
}

Progress ProgressMeter::finished(Phase phase, TimePoint at) {
    last_.phase = phase;
    last_.percent = 100;
    last_.remaining = {};
    last_.forecast = {};
    last_.elapsed = std::chrono::duration_cast<milliseconds>(at - started_);
    return last_;
}

void SpeedMeter::before(const CpuUse& earlier, TimePoint at, const CpuUse& later,
                        TimePoint later_at) {
    if (later_at - at >= kShortestWindow) {
        rate_before_ = rate(earlier, later, seconds_between(at, later_at));
    }
}

void SpeedMeter::during(const CpuUse& use, TimePoint at) {
    if (!first_) {
        first_ = use;
        first_at_ = at;
    }
    last_ = use;
    last_at_ = at;
}

std::optional<double> SpeedMeter::guest_speed() const {
    if (!rate_before_ || *rate_before_ < kIdle || !first_ ||
        last_at_ - first_at_ < kShortestWindow) {
        return std::nullopt;
    }
    return rate(*first_, last_, seconds_between(first_at_, last_at_)) / *rate_before_;
}

std::optional<milliseconds> SpeedMeter::process_beside_vcpus() const {
    if (!first_) {
        return std::nullopt;
    }
    const auto process = last_.process - first_->process;
    const auto vcpus = last_.vcpus - first_->vcpus;
    return std::chrono::duration_cast<milliseconds>(std::max(microseconds(0), process - vcpus));
}

std::optional<double> workload_speed(const std::vector<WorkloadReading>& readings, TimePoint begin,
                                     TimePoint end) {
    const auto falls = [](const auto& a, const auto& b) { return b.count < a.count; };
    if (readings.empty() || std::ranges::adjacent_find(readings, falls) != readings.end()) {
        return std::nullopt;
    }
    const auto first = readings.front().at;
    const auto until = std::min(end, readings.back().at);
    if (begin - first < kShortestWindow || until - begin < kShortestWindow) {
        return std::nullopt;
    }
    const double at_begin = count_at(readings, begin);
    const double before = (at_begin - count_at(readings, first)) / seconds_between(first, begin);
    if (before <= 0) {
        return std::nullopt;
    }
    return (count_at(readings, until) - at_begin) / seconds_between(begin, until) / before;
}

}  // namespace vmigrate
