// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_throttle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace vmigrate {
namespace {

constexpr unsigned kDirect = 90;
constexpr unsigned kMost = 99;
/// What the guest may dirty while it is throttled in stages, as a share of the bandwidth.
constexpr double kStagedShare = 0.2;
/// QEMU forgets a value that is not renewed (after 5 s by default).
constexpr milliseconds kRenewAfter{1500};
/// It is not given up a moment before its end: so much longer is it held when that will do.
constexpr milliseconds kLastMoments{1000};
/// At 99 % a vCPU of a stock QEMU sleeps for a second at a time, and reading what it has written
/// waits for it: iterations, and what QEMU thinks that it can send, take so much longer.
constexpr int kPatienceWithStock = 3;

}  // namespace

ThrottlePolicy::ThrottlePolicy(const Options& options, ThrottleMeans means,
                               milliseconds longest_pause)
    : options_(options), means_(means), longest_pause_(longest_pause) {}

void ThrottlePolicy::change(const Options& options, ThrottleMeans means,
                            milliseconds longest_pause) {
    options_ = options;
    means_ = means;
    longest_pause_ = longest_pause;
    if (means == ThrottleMeans::none) {
        not_taken();
    }
}

void ThrottlePolicy::not_taken() {
    percent_ = 0;
    stage_ = Stage::watching;
    in_force_.reset();
}

bool ThrottlePolicy::stalled(const Sample& sample) const {
    // The full copy says nothing about convergence: only later iterations are compared. What waits
    // because it is hot does not get less, and should not: its turn is when the rest is done.
    return boundary_ && boundary_->iteration > 0 && sample.iteration > boundary_->iteration &&
           sample.memory_awaited() >
               boundary_->memory_awaited() * (1.0 - options_.throttle_stall_percent / 100.0);
}

ThrottleDecision ThrottlePolicy::raise(unsigned percent, const Sample& sample, std::string reason) {
    percent_ = percent;
    told_ = sample.at;
    in_force_ = means_ == ThrottleMeans::value ? std::optional(sample.at) : std::nullopt;
    return {ThrottleDecision::Kind::set, percent, std::move(reason)};
}

ThrottleDecision ThrottlePolicy::staged(const Sample& sample) {
    stage_ = Stage::staged;
    if (sample.dirty_rate.count == 0 || sample.bandwidth.count == 0) {
        return {};
    }
    const double wanted = kStagedShare * static_cast<double>(sample.bandwidth.count) /
                          static_cast<double>(sample.dirty_rate.count);
    const double share = (1.0 - percent_ / 100.0) * wanted;
    const auto percent =
        static_cast<unsigned>(std::clamp(std::ceil(100.0 * (1.0 - share)), 0.0, double{kMost}));
    if (percent <= percent_) {
        return {};
    }
    return raise(percent, sample,
                 fmt::format("the guest dirties {} of {} that can be sent",
                             format_rate(sample.dirty_rate), format_rate(sample.bandwidth)));
}

ThrottleDecision ThrottlePolicy::at_iteration(const Sample& sample) {
    if (means_ == ThrottleMeans::none || stage_ == Stage::exhausted) {
        return {};
    }
    const bool no_help = stalled(sample);
    boundary_ = sample;
    if (stage_ == Stage::staged) {
        return staged(sample);
    }
    if (stage_ == Stage::direct || !no_help || sample.bandwidth.count == 0) {
        return {};
    }
    const auto pause = time_to_send(sample.memory_remaining, sample.bandwidth);
    if (pause <= longest_pause_) {
        return {};  // it can be switched over as it is
    }
    if (pause < options_.throttle_direct_within) {
        stage_ = Stage::direct;
        return raise(kDirect, sample,
                     fmt::format("iterations no longer help; {} remain, a pause of {}",
                                 format_bytes(sample.memory_remaining), format_time(pause)));
    }
    return staged(sample);
}

ThrottleDecision ThrottlePolicy::at_tick(const Sample& sample) {
    if (percent_ == 0 || stage_ == Stage::exhausted) {
        return {};
    }
    // With auto-converge QEMU takes the value at one of its own iterations.
    if (!in_force_ && sample.throttle_percent >= percent_) {
        in_force_ = sample.at;
    }
    const auto hold = options_.throttle_hold *
                      (means_ == ThrottleMeans::value || percent_ < kMost ? 1 : kPatienceWithStock);
    if (in_force_ && sample.at - *in_force_ >= hold) {
        if (percent_ >= kMost && nearly_done(sample) &&
            sample.at - *in_force_ < hold + kLastMoments) {
            return renewed(sample);
        }
        if (percent_ >= kMost) {
            stage_ = Stage::exhausted;
            return {
                ThrottleDecision::Kind::exhausted, percent_,
                fmt::format("{} % throttle did not help within {}", percent_, format_time(hold))};
        }
        if (stage_ == Stage::direct) {
            return raise(kMost, sample,
                         fmt::format("{} % for {} was not enough; {} remain", percent_,
                                     format_time(hold), format_bytes(sample.memory_remaining)));
        }
    }
    return renewed(sample);
}

/// A guest that hardly runs dirties hardly anything: what remains only has to be sent.
bool ThrottlePolicy::nearly_done(const Sample& sample) const {
    return sample.bandwidth.count > 0 &&
           time_to_send(sample.memory_remaining, sample.bandwidth) <= longest_pause_ + kLastMoments;
}

ThrottleDecision ThrottlePolicy::renewed(const Sample& sample) {
    if (percent_ == 0 || means_ != ThrottleMeans::value || sample.at - told_ < kRenewAfter) {
        return {};
    }
    told_ = sample.at;
    return {ThrottleDecision::Kind::renew, percent_, {}};
}

}  // namespace vmigrate
