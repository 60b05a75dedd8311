// SPDX-License-Identifier: GPL-2.0-or-later
//
// The throttle policy: slows the guest's processors when iterations no longer help, as shortly as
// it takes. Little left: "direct", 90 % and then 99 %, each for a moment; more: "staged", with
// share(next) = share(last) * 0.2 * bandwidth / dirty rate, where share is the part of the
// processor time that the guest keeps. The dirty rate goes with that share, so what the guest then
// dirties takes a fifth of the bandwidth. Never looser while it lasts. Pure: no I/O, no clock
// (`at` is in the sample).
#pragma once

#include <optional>
#include <string>

#include "orchestrator/options.h"
#include "orchestrator/plan.h"
#include "orchestrator/types.h"

namespace vmigrate {

struct ThrottleDecision {
    enum class Kind {
        none,
        set,       ///< throttle to `percent`, which is more than before
        renew,     ///< the same again, or QEMU lets go of the guest
        exhausted  ///< the most was held in vain: no throttle helps
    };
    Kind kind = Kind::none;
    unsigned percent = 0;
    std::string reason;
};

class ThrottlePolicy {
  public:
    /// `longest_pause` is what the blackout ceiling leaves for sending.
    ThrottlePolicy(const Options& options, ThrottleMeans means, milliseconds longest_pause);

    /// At the start of an iteration: `sample` shows what remains right after the bitmap was read.
    ThrottleDecision at_iteration(const Sample& sample);
    /// Between iterations.
    ThrottleDecision at_tick(const Sample& sample);

    /// From now on other options; with `means` none the guest is let go.
    void change(const Options& options, ThrottleMeans means, milliseconds longest_pause);
    /// QEMU did not take what was decided: the guest runs as before, and has to be told anew.
    void not_taken();

    /// Keeps up what is in force, also when it is exhausted.
    ThrottleDecision renewed(const Sample& sample);

    unsigned percent() const { return percent_; }
    bool exhausted() const { return stage_ == Stage::exhausted; }

  private:
    enum class Stage { watching, direct, staged, exhausted };

    ThrottleDecision raise(unsigned percent, const Sample& sample, std::string reason);
    ThrottleDecision staged(const Sample& sample);
    bool stalled(const Sample& sample) const;
    bool nearly_done(const Sample& sample) const;

    Options options_;
    ThrottleMeans means_;
    milliseconds longest_pause_;
    Stage stage_ = Stage::watching;
    unsigned percent_ = 0;
    TimePoint told_{};
    std::optional<TimePoint> in_force_;  ///< since when the guest is throttled to `percent_`
    std::optional<Sample> boundary_;     ///< the last one
};

}  // namespace vmigrate
