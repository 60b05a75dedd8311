// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/measure_book.h"

#include <algorithm>

namespace vmigrate {
namespace {

/// Less than this says nothing about a link.
constexpr Bytes kTellingAmount = mebibytes(64);

std::optional<milliseconds> between(const std::optional<TimePoint>& from,
                                    const std::optional<TimePoint>& to) {
    if (!from || !to) {
        return std::nullopt;
    }
    return std::chrono::duration_cast<milliseconds>(*to - *from);
}

}  // namespace

void MeasureBook::before(const CpuUse& earlier, TimePoint at, const CpuUse& later,
                         TimePoint later_at) {
    speed_.before(earlier, at, later, later_at);
    speed_.during(later, later_at);
}

void MeasureBook::iteration(std::uint32_t number) {
    iterations_ = std::max(iterations_, number + 1);
}

void MeasureBook::stopped(const EventTime& time) {
    blackout_.stopped(time);
    stopped_ = time.arrived;
}

void MeasureBook::resumed(const EventTime& time) {
    blackout_.resumed(time);
    resumed_ = time.arrived;
}

void MeasureBook::sampled(const Sample& sample) {
    if (last_ && last_->throttle_percent > 0) {
        throttled_ += std::chrono::duration_cast<milliseconds>(sample.at - last_->at);
    }
    throttle_most_ = std::max(throttle_most_, sample.throttle_percent);
    disk_sent_ = std::max(disk_sent_, sample.disk_sent);
    last_ = sample;
}

void MeasureBook::writes_limited(BytesPerSecond limit, TimePoint at) {
    writes_limited_ = writes_limited_.value_or(at);
    write_limit_min_ = std::min(write_limit_min_.value_or(limit), limit);
}

void MeasureBook::totals(const Sample& completed) {
    completed_ = completed;
    iterations_ = std::max(iterations_, completed.iteration + 1);
}

std::optional<TimePoint> MeasureBook::there() const {
    return resumed_ && !postcopy_ ? resumed_ : returned_;
}

std::optional<double> MeasureBook::workload_speed(
    const std::vector<WorkloadReading>& readings) const {
    const auto until = there();
    return called_ && until ? vmigrate::workload_speed(readings, *called_, *until) : std::nullopt;
}

Measures MeasureBook::result(bool moved) const {
    Measures measures;
    measures.setup = between(called_, active_);
    measures.iterations = iterations_;
    measures.call = between(called_, returned_);
    if (active_) {
        measures.throttled = throttled_;
        measures.throttle_percent_max = throttle_most_;
        measures.guest_speed = speed_.guest_speed();
        measures.source_cpu = speed_.process_beside_vcpus();
    }
    // Nobody writes while the guest stands still, and the destination knows no limit of ours.
    measures.write_limited = between(writes_limited_, stopped_ ? stopped_ : returned_);
    measures.write_limit_min = write_limit_min_;
    const auto& sent = completed_ ? completed_ : last_;
    if (sent) {
        measures.memory_sent = sent->memory_sent;
        measures.disk_sent = std::max(disk_sent_, sent->disk_sent);
    }
    if (!moved) {
        return measures;
    }
    measures.total = between(called_, there());
    measures.blackout = blackout_.blackout();
    if (destination_cpu_) {
        measures.destination_cpu = std::chrono::duration_cast<milliseconds>(
            std::max(microseconds(0), destination_cpu_->process - destination_cpu_->vcpus));
    }
    const auto flow = between(active_, stopped_);
    if (flow && flow->count() > 0 && measures.memory_sent.value_or(Bytes{}) >= kTellingAmount) {
        measures.bandwidth_mean = BytesPerSecond{measures.memory_sent->count * 1000 /
                                                 static_cast<std::uint64_t>(flow->count())};
    }
    return measures;
}

}  // namespace vmigrate
