// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/simulation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "orchestrator/policy_live.h"
#include "orchestrator/policy_throttle.h"

namespace vmigrate {
namespace {

/// How fast QEMU goes through pages that it has nothing to send of.
constexpr double kScanned = 2e9;
/// How much QEMU sends before it looks at what remains: its own figures.
constexpr double kLimitedSlice = 0.1;
constexpr double kSlice = 0.05;
/// When QEMU's delay of hot memory ends: its own figures (qemu/patches).
constexpr double kDelayEndsBelow = 0.1;
constexpr double kColdEnough = 0.01;
constexpr double kLeastHeat = 1.0 / 16;
constexpr unsigned kDelayRounds = 16;
/// QEMU's auto-converge: it throttles when an iteration dirties half of what it sends, twice.
constexpr double kConvergeTrigger = 0.5;
/// Whatever the policy says, a simulation ends.
constexpr unsigned kMostIterations = 10'000;

std::uint64_t whole(double bytes) {
    return static_cast<std::uint64_t>(std::max(0.0, bytes));
}

milliseconds as_time(double seconds) {
    constexpr double kLongest = 1e9;
    return milliseconds(static_cast<std::int64_t>(std::min(seconds, kLongest) * 1000));
}

/// A part of the memory on its way. Bytes of pages, whatever they are on the wire.
struct Moving {
    MemoryPart part;
    double dirty = 0;    ///< to be sent
    double delayed = 0;  ///< of that, not in this iteration
};

class Simulation {
  public:
    Simulation(const Options& options, const Scene& scene)
        : options_(options),
          scene_(scene),
          live_(options, scene.bandwidth, scene.throttle),
          throttle_(options, scene.throttle, live_.longest_pause()),
          rate_(static_cast<double>(scene.bandwidth.count)),
          limit_(seconds_of(live_.limit())) {
        for (const auto& part : scene.writes.parts) {
            parts_.push_back({part, part.bytes, 0});
        }
        zero_ = std::max(0.0, static_cast<double>(scene.memory.count) - scene.writes.bytes());
    }

    Course go() {
        for (unsigned iteration = 0; iteration < kMostIterations; ++iteration) {
            const double sent_before = sent_;
            const double begun = now_;
            if (!iterate()) {
                break;
            }
            ++course_.iterations;
            const double fresh = synchronize();
            if (remaining() < threshold()) {
                switch_over();
                break;
            }
            measure_dirty_rate(fresh, now_ - begun);
            converge_by_itself(fresh, sent_ - sent_before);
            if (!boundary(iteration + 1)) {
                break;
            }
            delay();
        }
        return finish();
    }

  private:
    static double seconds_of(milliseconds time) {
        return static_cast<double>(time.count()) / 1000.0;
    }

    double share_on_wire() const { return std::max(1e-3, scene_.wire_share); }
    double pages_per_s() const { return rate_ / share_on_wire(); }
    double threshold() const { return rate_ * limit_; }

    double remaining() const {
        double sum = zero_;
        for (const auto& moving : parts_) {
            sum += moving.dirty;
        }
        return sum;
    }
    double delayed() const {
        double sum = 0;
        for (const auto& moving : parts_) {
            sum += moving.delayed;
        }
        return sum;
    }

    /// The time that it takes to send all but `left` of what is sent in this iteration, and whose
    /// share of it is left then.
    struct Stretch {
        double seconds = 0;
        double left_share = 0;
    };
    Stretch stretch() const {
        const double queue = remaining() - delayed();
        const double whole_time = std::max((queue - zero_) / pages_per_s(), queue / kScanned);
        const double keep = std::min(1.0, threshold() / std::max(1.0, queue));
        const double slice = scene_.limited ? kLimitedSlice : kSlice;
        const double needed = whole_time * (1 - keep);
        // it looks at the ends of slices, and only then sees that it is enough
        const double seconds = std::min(whole_time, (std::floor(needed / slice) + 1) * slice);
        return {seconds, whole_time > 0 ? 1 - seconds / whole_time : 0.0};
    }

    double speed() const { return 1.0 - in_force_ / 100.0; }

    /// False when a policy ended it half-way.
    bool iterate() {
        const auto planned = stretch();
        written_ = 0;
        pages_sent_ = 0;
        for (double done = 0; done < planned.seconds && !ended_;) {
            const double step = std::min(planned.seconds - done, until_tick());
            written_ += step * speed();
            count_throttle(step);
            now_ += step;
            done += step;
            tick();
        }
        for (auto& moving : parts_) {
            const double queue = moving.dirty - moving.delayed;
            const double gone = queue * (1 - planned.left_share);
            moving.dirty -= gone;
            pages_sent_ += gone;
            sent_ += gone * share_on_wire();
        }
        zero_ *= planned.left_share;
        return !ended_;
    }

    /// What was written meanwhile is dirty (again). Returns how much that is.
    double synchronize() {
        double fresh = 0;
        for (auto& moving : parts_) {
            const auto& part = moving.part;
            const double written = part.bytes * (1 - std::exp(-part.writes_per_s * written_));
            const double clean = part.bytes > 0 ? 1 - moving.dirty / part.bytes : 0.0;
            moving.dirty += written * clean;
            fresh += written;
            moving.delayed = 0;
        }
        return fresh;
    }

    Sample sample(std::uint32_t iteration) const {
        Sample sample;
        sample.at = TimePoint(as_time(now_));
        sample.job = JobState::active;
        sample.iteration = iteration;
        sample.memory_total = scene_.memory;
        sample.memory_remaining = {whole(remaining())};
        sample.memory_sent = {whole(sent_)};
        sample.dirty_rate = {whole(dirty_rate_)};
        sample.bandwidth = scene_.bandwidth;
        sample.throttle_percent = static_cast<unsigned>(in_force_);
        return sample;
    }

    /// As QEMU does: over a second or more.
    void measure_dirty_rate(double fresh, double seconds) {
        period_fresh_ += fresh;
        period_ += seconds;
        if (period_ >= 1) {
            dirty_rate_ = period_fresh_ / period_;
            period_fresh_ = period_ = 0;
        }
    }

    bool boundary(std::uint32_t iteration) {
        iteration_ = iteration;
        if (scene_.throttle == ThrottleMeans::auto_converge) {
            in_force_ = throttle_.percent();  // taken at an iteration
        }
        const auto seen = sample(iteration);
        act(live_.at_iteration(seen));
        act(throttle_.at_iteration(seen), seen);
        return !ended_;
    }

    double until_tick() const {
        if (throttle_.percent() > 0) {
            return kThrottledTick;
        }
        const double timeout = seconds_of(options_.timeout);
        return options_.timeout.count() > 0 && now_ < timeout
                   ? timeout - now_
                   : std::numeric_limits<double>::infinity();
    }

    void tick() {
        const auto seen = sample(iteration_);
        act(live_.at_tick(seen, as_time(now_)));
        act(throttle_.at_tick(seen), seen);
    }

    void act(const Decision& decision) {
        if (const auto* set = std::get_if<SetDowntimeLimit>(&decision)) {
            limit_ = seconds_of(set->limit);
        } else if (const auto* force = std::get_if<ForceSwitchover>(&decision)) {
            limit_ = seconds_of(force->limit);
            forced_ = true;
        } else if (std::holds_alternative<StartPostcopy>(decision)) {
            ended_ = true;
            course_.end = Course::End::postcopy;
        } else if (std::holds_alternative<GiveUp>(decision)) {
            ended_ = true;
        }
    }

    void act(const ThrottleDecision& decision, const Sample& seen) {
        if (decision.kind == ThrottleDecision::Kind::set) {
            if (scene_.throttle == ThrottleMeans::value) {
                in_force_ = decision.percent;
            }
            act(live_.when_throttled());
        } else if (decision.kind == ThrottleDecision::Kind::exhausted) {
            act(live_.when_exhausted(seen, decision.reason));
        }
    }

    void converge_by_itself(double fresh, double sent) {
        if (!scene_.auto_converge || scene_.throttle != ThrottleMeans::none ||
            fresh < kConvergeTrigger * sent || ++high_ < 2) {
            return;
        }
        high_ = 0;
        const MigrationCall defaults;
        in_force_ = std::min(99.0, in_force_ == 0 ? defaults.auto_converge_initial
                                                  : in_force_ + defaults.auto_converge_increment);
    }

    void count_throttle(double step) {
        if (in_force_ > 0) {
            throttled_ += step;
            course_.throttle_percent_max =
                std::max(course_.throttle_percent_max, static_cast<unsigned>(in_force_));
        }
    }

    /// As QEMU does it with ram-delay-save-percent, for parts instead of segments.
    void delay() {
        const double all = static_cast<double>(scene_.memory.count);
        if (scene_.delay_percent == 0 || delay_over_) {
            return;
        }
        if (remaining() < all * kDelayEndsBelow || delay_rounds_ >= kDelayRounds) {
            delay_over_ = true;
            return;
        }
        double budget = all * scene_.delay_percent / 100.0;
        const double length = std::max(1.0, remaining() - last_delayed_);
        const double least = std::max(kLeastHeat, 1 - std::exp2(-pages_sent_ / length));
        for (auto& moving : parts_) {
            const bool hot = moving.part.bytes > 0 && moving.dirty / moving.part.bytes >= least;
            if (hot && budget > 0) {
                const double share = std::min(1.0, budget / moving.part.bytes);
                moving.delayed = moving.dirty * share;
                budget -= moving.part.bytes * share;
            }
        }
        last_delayed_ = delayed();
        const double queue = remaining() - last_delayed_;
        if (last_delayed_ == 0) {
            return;
        }
        const double enough = last_delayed_ < threshold() ? 0.0 : threshold();
        if (queue < std::max(enough, all * kColdEnough)) {
            delay_over_ = true;
            for (auto& moving : parts_) {
                moving.delayed = 0;
            }
            return;
        }
        ++delay_rounds_;
    }

    void switch_over() {
        course_.end = forced_ ? Course::End::forced : Course::End::switched_over;
        ended_ = true;
    }

    Course finish() {
        const double left = (remaining() - zero_) * share_on_wire();
        const double seconds =
            std::max(left / std::max<double>(1.0, static_cast<double>(scene_.full_bandwidth.count)),
                     remaining() / kScanned);
        (course_.end == Course::End::postcopy ? course_.after : course_.pause) = as_time(seconds);
        course_.sent = {whole(sent_ + left)};
        course_.flow = as_time(now_);
        course_.throttled = as_time(throttled_);
        return course_;
    }

    static constexpr double kThrottledTick = 0.25;

    const Options& options_;
    const Scene& scene_;
    LivePolicy live_;
    ThrottlePolicy throttle_;
    const double rate_;
    double limit_;
    std::vector<Moving> parts_;
    double zero_ = 0;  ///< pages that are zero and were not looked at yet
    double now_ = 0;
    double written_ = 0;  ///< seconds at full speed, in this iteration
    double sent_ = 0;
    double dirty_rate_ = 0;
    double in_force_ = 0;  ///< percent of throttle
    double throttled_ = 0;
    std::uint32_t iteration_ = 0;
    unsigned high_ = 0;
    bool forced_ = false;
    bool ended_ = false;
    bool delay_over_ = false;
    unsigned delay_rounds_ = 0;
    double pages_sent_ = 0;  ///< in the last iteration
    double period_fresh_ = 0;
    double period_ = 0;
    double last_delayed_ = 0;
    Course course_;
};

}  // namespace

Course play(const Options& options, const Scene& scene) {
    return Simulation(options, scene).go();
}

}  // namespace vmigrate
