// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_delay.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vmigrate {
namespace {

constexpr const char* kParameter = "ram-delay-save-percent";
/// As far as it goes by itself: of a guest that writes more than that all over the time, the rest
/// is no smaller problem.
constexpr unsigned kMostByItself = 60;
constexpr unsigned kStep = 10;
/// Fewer percent are not worth an iteration that ends without them.
constexpr unsigned kLeast = 5;
/// Of what is delayed, the part that was so in the iteration before, too: it has been spared once.
constexpr double kInVain = 0.25;
constexpr double kPays = 0.75;
/// One iteration may be an accident.
constexpr unsigned kInVainMost = 2;
/// As good as all that may wait.
constexpr double kFull = 0.9;
/// The rest hardly gets less when an iteration leaves more of it than this.
constexpr double kSame = 0.75;
/// From here on a guest hardly runs.
constexpr unsigned kStandstill = 90;

double share(Bytes part, Bytes whole) {
    return whole.count == 0 ? 0.0
                            : static_cast<double>(part.count) / static_cast<double>(whole.count);
}

}  // namespace

DelayPolicy::DelayPolicy(const Plan& plan) {
    const auto& parameters = plan.call.qemu.parameters;
    const auto& asked = plan.request.options.asked;
    if (const auto set = parameters.find(kParameter); set != parameters.end()) {
        const auto& text = set->second;
        std::from_chars(text.data(), text.data() + text.size(), percent_);
    }
    most_ = asked.contains(kParameter) ? percent_ : std::max(percent_, kMostByItself);
}

DelayDecision DelayPolicy::change(unsigned percent, std::string reason) {
    percent_ = percent;
    in_vain_ = 0;
    return {percent, std::move(reason)};
}

/// All that may be delayed is, and what is not stays as much as it was.
bool DelayPolicy::has_no_room(const Sample& sample) const {
    return share(sample.delayed->size, sample.memory_total) >= kFull * percent_ / 100.0 &&
           sample.memory_awaited() > last_->memory_awaited() * kSame;
}

std::optional<DelayDecision> DelayPolicy::at_iteration(const Sample& sample) {
    if (percent_ == 0 || !sample.delayed || !sample.delayed->active) {
        return std::nullopt;
    }
    // What is delayed for the first time cannot have been spared yet.
    if (!last_ || sample.delayed->iterations <= last_->delayed->iterations) {
        last_ = sample;
        return std::nullopt;
    }
    const double again =
        share(sample.delayed->saved - last_->delayed->saved, sample.delayed->dirty);
    const bool no_room = has_no_room(sample);
    last_ = sample;
    if (again < kInVain) {
        if (++in_vain_ < kInVainMost) {
            return std::nullopt;
        }
        const auto less = percent_ / 2 < kLeast ? 0 : percent_ / 2;
        return change(less, fmt::format("it pays too little: only {:.0f} % of the memory that "
                                        "waits has waited before",
                                        again * 100));
    }
    in_vain_ = 0;
    if (again >= kPays && no_room && percent_ < most_) {
        return change(std::min(most_, percent_ + kStep),
                      fmt::format("it pays, and {} that do not wait do not get less",
                                  format_bytes(sample.memory_awaited())));
    }
    return std::nullopt;
}

std::optional<DelayDecision> DelayPolicy::when_throttled(unsigned throttle_percent) {
    if (percent_ == 0 || throttle_percent < kStandstill) {
        return std::nullopt;
    }
    return change(0, "the guest hardly runs, so no memory is hot");
}

}  // namespace vmigrate
