// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where no QEMU holds the switchover: has the network go ahead of the guest by a moment. When QEMU
// stops it nobody is told before, so it is held back by its downtime limit until what remains fits;
// then the network goes, and only then QEMU is told the limit that lets the guest go, which it
// heeds within a tenth of a second. What arrives meanwhile waits in the destination's tap, so it is
// done once in a move, and for no longer than that can take. A guest that is held by the least
// limit no longer, because it hardly writes, goes without. Thread rule: the runner's thread only.
#pragma once

#include "base/clock.h"
#include "orchestrator/handover.h"
#include "orchestrator/run_log.h"
#include "orchestrator/steering.h"

namespace vmigrate {

class CutoverLead {
  public:
    /// Keeps all. `wanted`: else it does nothing.
    CutoverLead(NetworkHandover& network, Steering& steering, RunLog& log, const Clock& clock,
                bool wanted);

    /// So much remains when an iteration begins.
    void at_iteration(Bytes remaining);
    void at_tick(const Sample& sample);
    void guest_stopped(TimePoint at);

    /// Until the guest has stopped nothing else is to be done: whoever asks a QEMU that switches
    /// over waits for it.
    bool lasts() const { return until_.has_value(); }
    /// REQUIRES: lasts(). When late() is to be called.
    TimePoint deadline() const { return *until_; }
    void late();

  private:
    void let_go();

    NetworkHandover& network_;
    Steering& steering_;
    RunLog& log_;
    const Clock& clock_;
    unsigned fitting_ticks_ = 0;  ///< in a row, since the last iteration began
    TimePoint since_{};
    std::optional<TimePoint> until_;
};

}  // namespace vmigrate
