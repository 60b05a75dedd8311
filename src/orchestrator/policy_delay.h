// SPDX-License-Identifier: GPL-2.0-or-later
//
// How much of the memory is sent late because the guest keeps writing it: adapts
// ram-delay-save-percent while the patched QEMU migrates, at its iterations. Less when what is
// delayed is each time other memory, for that comes later and no less often; more when all of it
// stays hot and there was no room for the rest that is; none as soon as the guest hardly runs, for
// then nothing is hot. Below 10 % of the memory, or when the rest has converged, QEMU ends it
// itself. Pure: no I/O, no clock.
#pragma once

#include <optional>
#include <string>

#include "orchestrator/plan.h"
#include "orchestrator/types.h"

namespace vmigrate {

struct DelayDecision {
    unsigned percent = 0;
    std::string reason;
};

class DelayPolicy {
  public:
    /// What a plan starts with: nothing unless it sets the parameter, which takes a QEMU that knows
    /// it. A percentage that somebody asked for is the most, the default may be exceeded.
    explicit DelayPolicy(const Plan& plan);

    /// At the start of an iteration. Nothing: it stays as it is.
    std::optional<DelayDecision> at_iteration(const Sample& sample);
    /// The guest is throttled by so much from now on.
    std::optional<DelayDecision> when_throttled(unsigned throttle_percent);

    unsigned percent() const { return percent_; }

  private:
    DelayDecision change(unsigned percent, std::string reason);
    bool has_no_room(const Sample& sample) const;

    unsigned percent_ = 0;  ///< in force; QEMU takes no other once it was 0
    unsigned most_ = 0;
    std::optional<Sample> last_;  ///< the last iteration in which something was delayed
    unsigned in_vain_ = 0;        ///< iterations in a row
};

}  // namespace vmigrate
