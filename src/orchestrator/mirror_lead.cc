// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/mirror_lead.h"

#include <fmt/format.h>

namespace vmigrate {
namespace {

/// Near its end an iteration leaves little; for so many only where nobody tells of the next one.
constexpr unsigned kFittingTicks = 8;

}  // namespace

MirrorLead::MirrorLead(NetworkHandover& network, Steering& steering, RunLog& log,
                       const Clock& clock, bool wanted)
    : network_(network), steering_(steering), log_(log), clock_(clock) {
    if (wanted) {
        steering_.hold_back();
    }
}

void MirrorLead::at_iteration(Bytes remaining) {
    fitting_ticks_ = 0;
    if (steering_.held_back() && steering_.would_go(remaining)) {
        let_go();
    }
}

void MirrorLead::at_tick(const Sample& sample) {
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

void MirrorLead::let_go() {
    since_ = clock_.now();
    const auto longest = network_.mirror();
    if (longest) {
        until_ = clock_.now() + *longest;
    }
    steering_.let_go();
    if (!longest) {
        log_.notice("network not mirrored: " + longest.error().message);
    }
}

void MirrorLead::guest_stopped(TimePoint at) {
    if (until_) {
        until_.reset();
        const auto lead = std::chrono::duration<double, std::milli>(at - since_);
        log_.notice(fmt::format("network mirrored for the last {:.1f} ms", lead.count()));
    }
}

void MirrorLead::late() {
    until_.reset();
    const auto ended = network_.withdraw();
    log_.notice(ended ? "network mirrored no more: the guest did not stop in time"
                      : "mirror of the network not withdrawn: " + ended.error().message);
}

}  // namespace vmigrate
