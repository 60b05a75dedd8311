// SPDX-License-Identifier: GPL-2.0-or-later
//
// Steers a guest that is on its way: shows the policies what is measured, carries out what they
// decide, and says so. Every decision of a run is taken here, every change of phase in the runner.
// Thread rule: the runner's thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/measure_book.h"
#include "orchestrator/policy_copy.h"
#include "orchestrator/policy_delay.h"
#include "orchestrator/policy_live.h"
#include "orchestrator/policy_qos.h"
#include "orchestrator/policy_slice.h"
#include "orchestrator/policy_throttle.h"
#include "orchestrator/run_log.h"
#include "orchestrator/runner.h"
#include "orchestrator/tune.h"

namespace vmigrate {

class Steering {
  public:
    /// Keeps all but `plan`. `give_up` is called with a reason when the guest had better stay.
    Steering(const Plan& plan, const Edges& edges, RunLog& log, MeasureBook& book,
             std::function<void(const std::string& reason)> give_up);

    /// The policy's, as far as they were not tuned since.
    const Options& options() const { return options_; }
    /// What QEMU is told, and what the ceiling leaves for it.
    milliseconds limit() const { return live_.limit(); }
    milliseconds longest_pause() const { return live_.longest_pause(); }
    /// So much of the memory may remain when the guest stops.
    Bytes most_remaining() const { return live_.most_remaining(memory_); }
    /// How long until the next look.
    milliseconds interval() const;
    /// The destination was told to run the guest with what it has.
    bool postcopy() const { return postcopy_; }

    /// From now on QEMU is told the least limit instead, so that a guest that writes does not leave
    /// yet, until let_go().
    void hold_back() { held_back_ = true; }
    void let_go();
    bool held_back() const { return held_back_; }
    /// At the start of an iteration, so much remaining: it would leave if it were not held back.
    bool would_go(Bytes remaining) const { return forced_ || live_.fits(remaining); }
    /// It is to leave whatever remains.
    bool forced() const { return forced_; }

    /// Memory begins to flow: what libvirt sets with its call is set right.
    void memory_flows();
    /// At the start of an iteration.
    void at_iteration(const Sample& sample);
    /// At a look. `in_precopy`: how long memory has been flowing, nothing while it does not.
    void at_tick(const Sample& sample, std::optional<milliseconds> in_precopy);

    /// Somebody wants other options. The caller says whether it is too late.
    TuneAnswer tune(const std::vector<Setting>& settings);
    /// Somebody was asked. `now`: what is measured then, when it is still of use.
    void answered(bool yes, const std::optional<Sample>& now);
    /// At every look: who does not answer in time has said no.
    void wait_for_answer();

  private:
    Result<void> tell_limit();
    void act(const Decision& decision);
    void act(const ThrottleDecision& decision, const Sample& sample);
    void act(const QosDecision& decision);
    void act(const std::optional<DelayDecision>& decision);
    void act_or_ask(const Decision& decision, const Sample& sample);
    void set_memory_turn(milliseconds turn);
    bool set_throttle(unsigned percent);
    bool raise_limit(milliseconds limit, const std::string& reason);
    void start_postcopy(const std::string& reason);
    TuneAnswer put_in_force(const Options& before);

    struct Question {
        std::string reason;  ///< why it is given up otherwise
        Sample sample;       ///< when it was asked
        TimePoint until{};
    };

    const Edges& edges_;
    RunLog& log_;
    MeasureBook& book_;
    std::function<void(const std::string&)> give_up_;
    Options options_;
    Bytes memory_;
    BytesPerSecond bandwidth_called_;  ///< the limit that libvirt's call sets
    ThrottleMeans throttle_means_;
    LivePolicy live_;
    ThrottlePolicy throttle_;
    QosPolicy qos_;
    SlicePolicy slice_;
    DelayPolicy delay_;
    CopyPolicy copy_;
    std::optional<Question> question_;
    bool postcopy_ = false;
    bool held_back_ = false;
    bool forced_ = false;
};

}  // namespace vmigrate
