// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/cutover_lead.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmigrate {
namespace {

/// Near its end an iteration leaves little; for so many only where nobody tells of the next one.
constexpr unsigned kFittingTicks = 8;

/// An iteration that is shorter is over before the network has been turned.
constexpr milliseconds kTooShort{20};
/// So long before the end of the one before it the network goes; it takes some of that itself.
constexpr milliseconds kAhead{40};
constexpr milliseconds kBetweenLooks{10};
/// From then on the regular looks may be too far apart.
constexpr milliseconds kNear{2000};

}  // namespace

CutoverLead::CutoverLead(NetworkHandover& network, Steering& steering, RunLog& log,
                         const Clock& clock, bool wanted, std::optional<WriteProfile> writes)
    : network_(network), steering_(steering), log_(log), clock_(clock), writes_(std::move(writes)) {
    if (wanted) {
        steering_.hold_back();
    }
}

void CutoverLead::at_iteration(const Sample& sample) {
    fitting_ticks_ = 0;
    iteration_began_ = clock_.now();
    seen_.reset();
    const bool soon = leaves_soon(sample);
    if (steering_.held_back() && (soon || steering_.would_go(sample.memory_remaining))) {
        let_go();
    }
}

std::optional<milliseconds> CutoverLead::leaves_in(const Sample& sample) {
    const Seen now{clock_.now(), sample.memory_remaining};
    iteration_began_ = iteration_began_.value_or(now.at);
    const auto before = std::exchange(seen_, now);
    if (!writes_ || sample.bandwidth.count == 0) {
        return std::nullopt;
    }
    auto left = time_to_send(now.remaining, sample.bandwidth);
    // pages that are zero take next to no bandwidth
    if (before && before->remaining.count > now.remaining.count && now.at > before->at) {
        const auto share = static_cast<double>(now.remaining.count) /
                           static_cast<double>(before->remaining.count - now.remaining.count);
        const auto so_far = std::chrono::ceil<milliseconds>((now.at - before->at) * share);
        left = std::min(left, so_far);
    }
    using Seconds = std::chrono::duration<double>;
    const auto whole = Seconds(now.at - *iteration_began_) + Seconds(left);
    const Bytes dirtied{static_cast<std::uint64_t>(writes_->dirtied(whole.count()))};
    return time_to_send(dirtied, sample.bandwidth) <= kTooShort ? std::optional(left)
                                                                : std::nullopt;
}

bool CutoverLead::leaves_soon(const Sample& sample) {
    look_at_.reset();
    if (!steering_.held_back()) {
        return false;
    }
    const auto left = leaves_in(sample);
    if (left && *left > kAhead && *left <= kNear) {
        look_at_ = clock_.now() + std::max(*left / 2, kBetweenLooks);
    }
    return left && *left <= kAhead;
}

void CutoverLead::at_tick(const Sample& sample) {
    const bool soon = leaves_soon(sample);
    if (!steering_.held_back()) {
        return;
    }
    // the policies know the bandwidth from iterations only
    const bool fits = time_to_send(sample.memory_remaining, sample.bandwidth) <= steering_.limit();
    fitting_ticks_ = fits ? fitting_ticks_ + 1 : 0;
    if (steering_.forced() || fitting_ticks_ >= kFittingTicks || soon) {
        let_go();
    }
}

void CutoverLead::let_go() {
    since_ = clock_.now();
    const auto longest = network_.lead();
    if (longest) {
        until_ = clock_.now() + *longest;
    }
    steering_.let_go();
    if (!longest) {
        log_.notice("the network did not go ahead: " + longest.error().message);
    }
}

void CutoverLead::guest_stopped(TimePoint at) {
    if (until_) {
        until_.reset();
        const auto lead = std::chrono::duration<double, std::milli>(at - since_);
        log_.notice(fmt::format("the network was {:.1f} ms ahead of the guest", lead.count()));
    }
}

void CutoverLead::late() {
    until_.reset();
    const auto ended = network_.withdraw();
    log_.notice(ended ? "the network went back: the guest did not stop in time"
                      : "the network is ahead of the guest and did not go back: " +
                            ended.error().message);
}

}  // namespace vmigrate
