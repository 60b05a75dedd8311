// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is to be expected of a running migration, from readings that are noisy, late and now and
// then absurd. What is left is a saw tooth: it falls while an iteration sends and jumps when the
// next one begins. So how fast it falls is measured within iterations, and what the guest dirties
// from one beginning to the next; both are medians of the last readings, which one outlier does not
// move, and the spread of these is the range of the forecast. Pure: no I/O, no clock (`at` is in
// the sample). Thread rule: one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "orchestrator/types.h"

namespace vmigrate {

/// The last so many readings of a rate, in bytes per second.
class RateWindow {
  public:
    explicit RateWindow(std::size_t most) : most_(most) {}
    void add(double reading);
    void scale(double factor);  ///< all of them, when what they depend on has changed by it
    void clear() { readings_.clear(); }
    bool empty() const { return readings_.empty(); }
    /// That share of the readings is not above it; 0.5 is the median. REQUIRES: !empty().
    double quantile(double share) const;

  private:
    std::size_t most_;
    std::deque<double> readings_;
};

/// What is known before the first reading.
struct Expectation {
    Bytes memory;                              ///< that the full copy has to send
    BytesPerSecond bandwidth;                  ///< 0 = unknown
    std::optional<BytesPerSecond> dirty_rate;  ///< nothing = unknown
};

class Estimator {
  public:
    explicit Estimator(const Expectation& expected) : expected_(expected) {}

    /// Samples in the order of their time; what would go back behind the last one is left out.
    void add(const Sample& sample);

    /// As of the last sample. The guest is switched over when what is left can be sent in `limit`,
    /// the downtime limit in force, or in `longest`, which may be asked for in the end.
    Forecast forecast(milliseconds limit, milliseconds longest) const;

  private:
    /// One view of the future, in bytes per second.
    struct Rates {
        double now = 0;    ///< by which what is left falls in this iteration
        double later = 0;  ///< and in those to come
        double dirty = 0;
        double stream = 0;  ///< what QEMU multiplies the downtime limit with
    };

    void begin_iteration(const Sample& sample);
    /// 0 = the view in which it takes longest, 1 = that in which it is over first.
    Rates view(double luck) const;
    double stream(double share) const;
    std::optional<double> dirty(double share) const;
    std::optional<double> seconds_left(const Rates& rates, milliseconds pause) const;

    Expectation expected_;
    RateWindow stream_{20};    ///< as QEMU tells it
    RateWindow progress_{20};  ///< by which what is left falls
    RateWindow dirty_{3};      ///< one for each iteration
    std::optional<Sample> last_;
    TimePoint began_{};  ///< this iteration, or the copy of memory
};

}  // namespace vmigrate
