// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_live.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmigrate {
namespace {

/// What is predicted from one bandwidth reading is not met to the millisecond.
constexpr double kMargin = 1.2;
constexpr milliseconds kLongestLimit{2'000'000};  // QEMU's own maximum
/// Of so many iterations the least is looked for: a minimum that lies longer back may never come
/// again.
constexpr std::size_t kRemembered = 4;

milliseconds with_margin(milliseconds time) {
    const double ms = static_cast<double>(time.count()) * kMargin;
    return ms >= static_cast<double>(kLongestLimit.count())
               ? kLongestLimit
               : std::max(milliseconds(1), milliseconds(static_cast<std::int64_t>(ms)));
}

}  // namespace

LivePolicy::LivePolicy(const Options& options, BytesPerSecond bandwidth_expected,
                       ThrottleMeans means)
    : options_(options),
      most_(options.blackout_ceiling - options.switchover_reserve),
      limit_(std::min(options.downtime_limit, most_)),
      bandwidth_(bandwidth_expected),
      means_(means) {}

milliseconds LivePolicy::predicted_pause(Bytes remaining) const {
    return time_to_send(remaining, bandwidth_);
}

Bytes LivePolicy::most_remaining(Bytes all) const {
    if (bandwidth_.count == 0) {
        return all;
    }
    const auto pause = std::chrono::duration<double>(std::max(limit_, most_));
    const double fits = static_cast<double>(bandwidth_.count) * pause.count();
    return fits < static_cast<double>(all.count) ? Bytes{static_cast<std::uint64_t>(fits)} : all;
}

milliseconds LivePolicy::blackout_of(milliseconds pause) const {
    const auto reserve = options_.switchover_reserve;
    // For ever, where nothing gets through, cannot be longer.
    return pause > milliseconds::max() - reserve ? pause : pause + reserve;
}

void LivePolicy::remember(Bytes remaining) {
    recent_.push_back(remaining);
    if (recent_.size() > kRemembered) {
        recent_.pop_front();
    }
}

Bytes LivePolicy::least() const {
    return *std::ranges::min_element(recent_);
}

/// What remains goes up and down, or slowly up, but down no more.
bool LivePolicy::level() const {
    return recent_.size() == kRemembered &&
           least() > recent_.front() * (1.0 - options_.stall_percent / 100.0);
}

bool LivePolicy::stalled(const std::optional<Sample>& previous, const Sample& now) const {
    // The full copy says nothing about convergence: only later iterations are compared.
    return previous && previous->iteration > 0 &&
           now.memory_remaining >
               previous->memory_remaining * (1.0 - options_.stall_percent / 100.0);
}

Decision LivePolicy::at_iteration(const Sample& sample) {
    const auto previous = std::exchange(boundary_, sample);
    network_.saw(sample);
    if (sample.bandwidth.count > 0) {
        bandwidth_ = sample.bandwidth;
    }
    if (sample.iteration == 0 || resorted_) {
        return KeepGoing{};
    }
    remember(sample.memory_remaining);
    if (sample.iteration >= options_.max_iterations) {
        const auto why = fmt::format("{} iterations are over", sample.iteration);
        if (with_margin(predicted_pause(sample.memory_remaining)) <= most_) {
            limit_ = std::max(limit_, most_);
            return SetDowntimeLimit{limit_, why + ", what remains fits under the ceiling"};
        }
        return when_exhausted(sample, why);
    }
    return stalled(previous, sample) ? after_stall(sample) : KeepGoing{};
}

Decision LivePolicy::after_stall(const Sample& sample) {
    // QEMU switches over as soon as what remains fits: with the limit at the least of the last
    // iterations that is when it comes near it again.
    const auto least_left = least();
    const auto pause = predicted_pause(least_left);
    const auto wanted = with_margin(pause);
    const auto why = fmt::format(
        "iterations no longer help; {} {}, a pause of {}", format_bytes(least_left),
        least_left == sample.memory_remaining ? "remain" : "remained at the least of the last ones",
        format_time(pause));
    const bool little_left =
        least_left <= sample.memory_total * (options_.early_exit_percent / 100.0);
    if (little_left && wanted <= most_ && wanted > limit_) {
        limit_ = wanted;
        return SetDowntimeLimit{limit_, why};
    }
    if (wanted > most_ && wanted > limit_ && means_ == ThrottleMeans::none &&
        options_.ceiling_action == CeilingAction::exceed && level()) {
        limit_ = wanted;
        return ForceSwitchover{false, limit_, blackout_of(pause), why};
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
    network_.saw(sample);
    if (resorted_) {
        return KeepGoing{};
    }
    if (postponed_) {
        return last_resort(sample, *postponed_);
    }
    const bool timed = options_.timeout.count() > 0;
    if (timed && in_precopy >= options_.timeout) {
        return last_resort(sample,
                           fmt::format("the timeout of {} is over", format_time(options_.timeout)));
    }
    if (timed && due(sample, in_precopy)) {
        return postcopy(fmt::format("{} remain, which is what can be sent until the timeout of {}",
                                    format_bytes(sample.memory_remaining),
                                    format_time(options_.timeout)));
    }
    return KeepGoing{};
}

/// Post-copy sends each page once, so it can be told when it would end. Not in the full copy: QEMU
/// needs that for a guest that does not wait for each of its pages, and zero pages count there.
bool LivePolicy::due(const Sample& sample, milliseconds in_precopy) const {
    if (options_.timeout_action != TimeoutAction::postcopy || !boundary_ ||
        boundary_->iteration == 0 || bandwidth_.count == 0) {
        return false;
    }
    // between boundaries what was written since the last one is not counted yet
    const auto remaining = std::max(sample.memory_remaining, boundary_->memory_remaining);
    return in_precopy + with_margin(predicted_pause(remaining)) >= options_.timeout;
}

Decision LivePolicy::postcopy(const std::string& why) {
    if (!network_.dropped()) {
        resorted_ = true;
        return StartPostcopy{postponed_.value_or(why)};
    }
    if (std::exchange(postponed_, postponed_.value_or(why))) {
        return KeepGoing{};
    }
    return PostponePostcopy{
        fmt::format("the network carries {} instead of {}, the guest would wait "
                    "for its memory; {}",
                    format_rate(network_.lately()), format_rate(network_.usual()), why)};
}

void LivePolicy::change(const Options& options, ThrottleMeans means) {
    const bool other_ceiling = options.blackout_ceiling != options_.blackout_ceiling;
    if (options.bandwidth != options_.bandwidth) {
        network_.forget();
    }
    const bool other_limit = options.downtime_limit != options_.downtime_limit;
    options_ = options;
    means_ = means;
    most_ = options.blackout_ceiling - options.switchover_reserve;
    if (other_limit) {
        limit_ = std::min(options.downtime_limit, most_);
    } else if (other_ceiling) {
        limit_ = std::min(limit_, most_);
    }
    resorted_ = false;
    postponed_.reset();
}

Decision LivePolicy::when_throttled() {
    if (limit_ >= most_) {
        return KeepGoing{};
    }
    limit_ = most_;
    return SetDowntimeLimit{limit_, "a throttled guest is let go as soon as the ceiling allows"};
}

Decision LivePolicy::when_exhausted(const Sample& sample, const std::string& why) {
    const bool may_exceed = options_.ceiling_action == CeilingAction::exceed &&
                            options_.timeout_action == TimeoutAction::abort;
    return may_exceed && !resorted_ ? force(sample, why) : last_resort(sample, why);
}

Decision LivePolicy::force(const Sample& sample, const std::string& why) {
    resorted_ = true;
    const auto pause = predicted_pause(sample.memory_remaining);
    // What is dirtied until QEMU looks again comes on top: twice is no waste, the pause lasts as
    // long as it lasts.
    limit_ = std::max(limit_, with_margin(pause > kLongestLimit / 2 ? kLongestLimit : pause * 2));
    return ForceSwitchover{true, limit_, blackout_of(pause), why};
}

Decision LivePolicy::last_resort(const Sample& sample, const std::string& why) {
    if (resorted_) {
        return KeepGoing{};
    }
    switch (options_.timeout_action) {
        case TimeoutAction::postcopy:
            return postcopy(why);
        case TimeoutAction::force:
            return force(sample, why);
        case TimeoutAction::abort:
            break;
    }
    resorted_ = true;
    return GiveUp{
        fmt::format("{}, and {} remain (a pause of {}); allow postcopy or force "
                    "(timeout-action), raise blackout-ceiling or bandwidth",
                    why, format_bytes(sample.memory_remaining),
                    format_time(predicted_pause(sample.memory_remaining)))};
}

}  // namespace vmigrate
