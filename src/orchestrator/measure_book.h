// SPDX-License-Identifier: GPL-2.0-or-later
//
// Collects what the six measures are made of while a migration runs. Pure: no I/O, no clock. Calls
// in any order; what never came is null in the result.
#pragma once

#include <optional>
#include <vector>

#include "orchestrator/meters.h"
#include "orchestrator/types.h"

namespace vmigrate {

class MeasureBook {
  public:
    void before(const CpuUse& earlier, TimePoint at, const CpuUse& later, TimePoint later_at);
    void called(TimePoint at) { called_ = at; }
    void active(TimePoint at) { active_ = at; }
    void returned(TimePoint at) { returned_ = at; }
    void postcopy() { postcopy_ = true; }
    void iteration(std::uint32_t number);
    void saw(const Event& event) { blackout_.saw(event.side, event.time); }
    void stopped(const EventTime& time);
    void resumed(const EventTime& time);
    void sampled(const Sample& sample);
    void writes_limited(BytesPerSecond limit, TimePoint at);
    /// The least that writes to a disk may be; a limit once set never goes up.
    std::optional<BytesPerSecond> write_limit() const { return write_limit_min_; }
    void source_cpu(const CpuUse& use, TimePoint at) { speed_.during(use, at); }
    void destination_cpu(const CpuUse& use) { destination_cpu_ = use; }
    void totals(const Sample& completed);

    /// From the call until the guest has moved, or stays.
    std::optional<double> workload_speed(const std::vector<WorkloadReading>& readings) const;

    std::optional<TimePoint> active_since() const { return active_; }

    /// `moved` false: times that only a move has stay null.
    Measures result(bool moved) const;

  private:
    /// When the destination ran it with all its memory, else when the call returned.
    std::optional<TimePoint> there() const;

    BlackoutMeter blackout_;
    SpeedMeter speed_;
    std::optional<TimePoint> called_;
    std::optional<TimePoint> active_;
    std::optional<TimePoint> stopped_;
    std::optional<TimePoint> resumed_;
    std::optional<TimePoint> returned_;
    std::optional<Sample> last_;
    std::optional<Sample> completed_;
    Bytes disk_sent_;  ///< most that was seen: it is gone from the totals of a finished migration
    std::optional<CpuUse> destination_cpu_;
    milliseconds throttled_{};
    unsigned throttle_most_ = 0;
    std::optional<TimePoint> writes_limited_;  ///< since
    std::optional<BytesPerSecond> write_limit_min_;
    std::uint32_t iterations_ = 0;
    bool postcopy_ = false;  ///< the guest ran there before all its memory was there
};

}  // namespace vmigrate
