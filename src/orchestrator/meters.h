// SPDX-License-Identifier: GPL-2.0-or-later
//
// Turns what comes in while a migration runs into what is reported: a blackout, a progress that
// never goes back, the effect on the guest. Pure: no I/O, no clock.
#pragma once

#include <optional>
#include <vector>

#include "orchestrator/events.h"
#include "orchestrator/status.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// Time from the source's STOP to the destination's RESUME, although the two hosts' clocks differ
/// and events arrive late now and then. Each host's clock is tied to ours by the event that came
/// fastest: offset = min(arrived - stamped) over all its events (the one-way form of NTP's clock
/// filter); both ends then differ by the difference of the two fastest deliveries, well under a
/// millisecond on a LAN. Without stamps the arrival times are used.
class BlackoutMeter {
  public:
    /// Every stamped event helps, whatever it is.
    void saw(Side side, const EventTime& time);
    void stopped(const EventTime& time);  ///< the source's vCPUs; again if it stops again
    void resumed(const EventTime& time);  ///< the destination's vCPUs
    std::optional<microseconds> blackout() const;

  private:
    using Offset = std::chrono::nanoseconds;  ///< our monotonic clock minus that host's calendar
    TimePoint ours(Side side, const EventTime& time) const;

    std::optional<Offset> offset_[2];
    std::optional<EventTime> stopped_;
    std::optional<EventTime> resumed_;
};

/// One display state after the other from samples. Counts work done in the first full copy of disks
/// and memory; later iterations hold the bar, they do not turn it back. As it cannot
/// go back, it believes a sample when the next one says no less.
class ProgressMeter {
  public:
    /// `memory` and `disks` are what will have to be copied: libvirt tells the totals only bit by
    /// bit.
    ProgressMeter(TimePoint started, Bytes memory, Bytes disks)
        : started_(started), memory_(memory), disks_(disks) {}
    Progress update(Phase phase, const Sample& sample, const Forecast& forecast);
    Progress finished(Phase phase, TimePoint at);

  private:
    TimePoint started_;
    Bytes memory_;
    Bytes disks_;
    unsigned percent_ = 0;
    unsigned told_ = 0;  ///< by the last sample
    Progress last_;
};

/// vCPU time per second of real time, before and during.
class SpeedMeter {
  public:
    void before(const CpuUse& earlier, TimePoint at, const CpuUse& later, TimePoint later_at);
    void during(const CpuUse& use, TimePoint at);
    /// Relative to before (1 = no effect); nothing when either was too short to tell or the guest
    /// was idle.
    std::optional<double> guest_speed() const;
    /// Time of the whole process beside its vCPUs while migrating.
    std::optional<milliseconds> process_beside_vcpus() const;

  private:
    std::optional<double> rate_before_;
    std::optional<CpuUse> first_;
    CpuUse last_;
    TimePoint first_at_{};
    TimePoint last_at_{};
};

/// How fast the counter grew from `begin` to `end`, relative to what it did before; nothing when it
/// was read too shortly, did not grow, or was started again. `readings` in the order of time.
std::optional<double> workload_speed(const std::vector<WorkloadReading>& readings, TimePoint begin,
                                     TimePoint end);

}  // namespace vmigrate
