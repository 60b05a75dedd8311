// SPDX-License-Identifier: GPL-2.0-or-later
//
// The live policy: when to switch over. While iterations help it only waits. When they no longer
// do, it lets the guest go at a local minimum of what remains, if that fits under the ceiling (or
// the ceiling may be exceeded), else it steps the downtime limit up, and gives up or forces in
// time. Judged at iteration boundaries, because between them what remains is a saw tooth; only the
// timeout is looked at in between. Pure: no I/O, no clock (`now` is in the sample).
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "orchestrator/network_watch.h"
#include "orchestrator/options.h"
#include "orchestrator/plan.h"
#include "orchestrator/types.h"

namespace vmigrate {

struct KeepGoing {};
struct SetDowntimeLimit {
    milliseconds limit{};
    std::string reason;
};
/// Switch over whatever it costs: the ceiling does not hold any more, and it is said.
struct ForceSwitchover {
    bool last_resort = false;  ///< else it may just as well go on
    milliseconds limit{};
    milliseconds predicted{};
    std::string reason;
};
struct StartPostcopy {
    std::string reason;
};
/// It would be time for post-copy, but not now. Said once.
struct PostponePostcopy {
    std::string reason;
};
struct GiveUp {
    std::string reason;
};
using Decision = std::variant<KeepGoing, SetDowntimeLimit, ForceSwitchover, StartPostcopy,
                              PostponePostcopy, GiveUp>;

class LivePolicy {
  public:
    /// `bandwidth_expected` is used until the stream has shown its own; 0 = unknown. A guest that
    /// can be throttled by `means` is, before the ceiling is exceeded.
    LivePolicy(const Options& options, BytesPerSecond bandwidth_expected,
               ThrottleMeans means = ThrottleMeans::none);

    /// At the start of an iteration: `sample` shows what remains right after the bitmap was read.
    Decision at_iteration(const Sample& sample);
    /// Between iterations. `in_precopy` is the time since memory began to flow.
    Decision at_tick(const Sample& sample, milliseconds in_precopy);

    /// From now on other options: the limit stays as it is as far as these allow, a last resort
    /// that was taken may be taken again.
    void change(const Options& options, ThrottleMeans means);

    /// The guest is being throttled: the sooner it is over the better, so all is used that the
    /// ceiling allows.
    Decision when_throttled();
    /// Nothing is left that would make it converge: what ceiling-action says, else timeout-action;
    /// only once.
    Decision when_exhausted(const Sample& sample, const std::string& why);

    /// Somebody said that the ceiling does not matter now.
    Decision allowed(const Sample& sample, const std::string& why) { return force(sample, why); }
    /// How long nothing would run if it were switched over as it is.
    milliseconds predicted_blackout(const Sample& sample) const {
        return blackout_of(predicted_pause(sample.memory_remaining));
    }

    /// So much of the memory may remain when the guest stops; all of it while the bandwidth is not
    /// known.
    Bytes most_remaining(Bytes all) const;

    /// QEMU stops the guest with so much, as far as can be told.
    bool fits(Bytes remaining) const { return predicted_pause(remaining) <= limit_; }

    milliseconds limit() const { return limit_; }
    /// What the ceiling leaves for sending. `limit` is above it only when the ceiling is exceeded.
    milliseconds longest_pause() const { return most_; }

  private:
    milliseconds predicted_pause(Bytes remaining) const;
    milliseconds blackout_of(milliseconds pause) const;
    void remember(Bytes remaining);
    Bytes least() const;
    bool level() const;
    bool stalled(const std::optional<Sample>& previous, const Sample& now) const;
    Decision after_stall(const Sample& sample);
    Decision last_resort(const Sample& sample, const std::string& why);
    bool due(const Sample& sample, milliseconds in_precopy) const;
    Decision postcopy(const std::string& why);
    Decision force(const Sample& sample, const std::string& why);

    Options options_;
    milliseconds most_;
    milliseconds limit_;
    BytesPerSecond bandwidth_;
    ThrottleMeans means_;
    std::optional<Sample> boundary_;  ///< the last one
    std::deque<Bytes> recent_;        ///< what remained at the last boundaries, oldest first
    BandwidthWatch network_;
    std::optional<std::string> postponed_;  ///< why post-copy should have begun
    bool resorted_ = false;                 ///< the last resort is taken once
};

}  // namespace vmigrate
