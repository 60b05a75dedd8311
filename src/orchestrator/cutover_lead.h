// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where no QEMU holds the switchover: has the network go ahead of the guest by a moment. When QEMU
// stops it nobody is told before, so it is held back by its downtime limit until what remains fits;
// then the network goes, and only then QEMU is told the limit that lets the guest go, which it
// heeds within a tenth of a second. What arrives meanwhile waits in the destination's tap, so it is
// done once in a move, and for no longer than that can take. A guest that is held by the least
// limit no longer, because it hardly writes, leaves with the iteration that is under way: where it
// is known to be such a guest, the network goes shortly before the end of that. Thread rule: the
// runner's thread only.
#pragma once

#include <optional>
#include <utility>

#include "base/clock.h"
#include "orchestrator/handover.h"
#include "orchestrator/run_log.h"
#include "orchestrator/steering.h"
#include "orchestrator/write_profile.h"

namespace vmigrate {

class CutoverLead {
  public:
    /// Keeps all. `wanted`: else it does nothing. `writes`: nothing where it was not measured.
    CutoverLead(NetworkHandover& network, Steering& steering, RunLog& log, const Clock& clock,
                bool wanted, std::optional<WriteProfile> writes);

    /// When an iteration begins.
    void at_iteration(const Sample& sample);
    void at_tick(const Sample& sample);
    /// When at_tick() has to be called at the latest; said once.
    std::optional<TimePoint> take_look_at() { return std::exchange(look_at_, std::nullopt); }
    void guest_stopped(TimePoint at);

    /// Until the guest has stopped nothing else is to be done: whoever asks a QEMU that switches
    /// over waits for it.
    bool lasts() const { return until_.has_value(); }
    /// REQUIRES: lasts(). When late() is to be called.
    TimePoint deadline() const { return *until_; }
    void late();

  private:
    /// When the iteration ends, where the guest may leave with it.
    std::optional<milliseconds> leaves_in(const Sample& sample);
    /// It is about to; else sets when to look again.
    bool leaves_soon(const Sample& sample);
    void let_go();

    NetworkHandover& network_;
    Steering& steering_;
    RunLog& log_;
    const Clock& clock_;
    const std::optional<WriteProfile> writes_;
    struct Seen {
        TimePoint at{};
        Bytes remaining;
    };
    std::optional<Seen> seen_;  ///< last
    std::optional<TimePoint> iteration_began_;
    std::optional<TimePoint> look_at_;
    unsigned fitting_ticks_ = 0;  ///< in a row, since the last iteration began
    TimePoint since_{};
    std::optional<TimePoint> until_;
};

}  // namespace vmigrate
