// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/cutover_lead.h"

#include <fmt/format.h>

namespace vmigrate {
namespace {

/// Near its end an iteration leaves little; for so many only where nobody tells of the next one.
constexpr unsigned kFittingTicks = 8;

}  // namespace

CutoverLead::CutoverLead(NetworkHandover& network, Steering& steering, RunLog& log,
                         const Clock& clock, bool wanted)
    : network_(network), steering_(steering), log_(log), clock_(clock) {
    if (wanted) {
        steering_.hold_back();
    }
}

void CutoverLead::at_iteration(Bytes remaining) {
    fitting_ticks_ = 0;
    if (steering_.held_back() && steering_.would_go(remaining)) {
        let_go();
    }
}

void CutoverLead::at_tick(const Sample& sample) {
    if (!steering_.held_back()) {
        return;
    }
    // the policies know the bandwidth from iterations only
    const bool fits = time_to_send(sample.memory_remaining, sample.bandwidth) <= steering_.limit();
    fitting_ticks_ = fits ? fitting_ticks_ + 1 : 0;
    if (steering_.forced() || fitting_ticks_ >= kFittingTicks) {
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
