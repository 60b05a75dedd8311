// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_live.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmigrate {
namespace {

/// What is predicted from one bandwidth reading is not met to the millisecond.
constexpr double kMargin = 1.2;
constexpr milliseconds kLongestLimit{2'000'000};  // QEMU's own maximum

milliseconds with_margin(milliseconds time) {
    const double ms = static_cast<double>(time.count()) * kMargin;
    return ms >= static_cast<double>(kLongestLimit.count())
               ? kLongestLimit
               : std::max(milliseconds(1), milliseconds(static_cast<std::int64_t>(ms)));
}

}  // namespace

LivePolicy::LivePolicy(const Options& options, BytesPerSecond bandwidth_expected)
    : options_(options),
      most_(options.blackout_ceiling - options.switchover_reserve),
      limit_(std::min(options.downtime_limit, most_)),
      bandwidth_(bandwidth_expected) {}

milliseconds LivePolicy::predicted_pause(const Sample& sample) const {
    return time_to_send(sample.memory_remaining, bandwidth_);
}

Decision LivePolicy::at_iteration(const Sample& sample) {
    const auto previous = std::exchange(boundary_, sample);
    if (sample.bandwidth.count > 0) {
        bandwidth_ = sample.bandwidth;
    }
    if (sample.iteration == 0 || resorted_) {
        return KeepGoing{};
    }
    const auto pause = predicted_pause(sample);
    if (sample.iteration >= options_.max_iterations) {
        const auto why = fmt::format("{} iterations are over", sample.iteration);
        if (with_margin(pause) <= most_) {
            limit_ = most_;
            return SetDowntimeLimit{limit_, why + ", what remains fits under the ceiling"};
        }
        return last_resort(sample, why);
    }
    // The full copy says nothing about convergence: only later iterations are compared.
    if (!previous || previous->iteration == 0) {
        return KeepGoing{};
    }
    const auto better = previous->memory_remaining * (1.0 - options_.stall_percent / 100.0);
    if (sample.memory_remaining <= better) {
        return KeepGoing{};
    }
    const bool little_left =
        sample.memory_remaining <= sample.memory_total * (options_.early_exit_percent / 100.0);
    if (little_left && with_margin(pause) <= most_ && with_margin(pause) > limit_) {
        limit_ = with_margin(pause);
        return SetDowntimeLimit{
            limit_, fmt::format("iterations no longer help; {} remain, a pause of {}",
                                format_bytes(sample.memory_remaining), format_time(pause))};
    }
    if (limit_ >= most_) {
        return KeepGoing{};
    }
    const auto first = std::min(options_.downtime_limit, most_);
    const auto step = std::max(milliseconds(1), (most_ - first) / options_.downtime_steps);
    limit_ = std::min(most_, limit_ + step);
    return SetDowntimeLimit{limit_, "the last iteration left no less than the one before"};
}

Decision LivePolicy::at_tick(const Sample& sample, milliseconds in_precopy) {
    if (options_.timeout.count() == 0 || in_precopy < options_.timeout || resorted_) {
        return KeepGoing{};
    }
    return last_resort(sample,
                       fmt::format("the timeout of {} is over", format_time(options_.timeout)));
}

Decision LivePolicy::when_throttled() {
    if (limit_ >= most_) {
        return KeepGoing{};
    }
    limit_ = most_;
    return SetDowntimeLimit{limit_, "a throttled guest is let go as soon as the ceiling allows"};
}

Decision LivePolicy::last_resort(const Sample& sample, const std::string& why) {
    if (std::exchange(resorted_, true)) {
        return KeepGoing{};
    }
    switch (options_.timeout_action) {
        case TimeoutAction::postcopy:
            return StartPostcopy{why};
        case TimeoutAction::force: {
            const auto pause = predicted_pause(sample);
            // What is dirtied until QEMU looks again comes on top: twice is no waste, the pause
            // lasts as long as it lasts.
            limit_ = with_margin(pause > kLongestLimit / 2 ? kLongestLimit : pause * 2);
            return ForceSwitchover{limit_, pause + options_.switchover_reserve, why};
        }
        case TimeoutAction::abort:
            break;
    }
    return GiveUp{fmt::format(
        "{}, and {} remain (a pause of {}); allow postcopy or force "
        "(timeout-action), raise blackout-ceiling or bandwidth",
        why, format_bytes(sample.memory_remaining), format_time(predicted_pause(sample)))};
}

}  // namespace vmigrate
