// SPDX-License-Identifier: GPL-2.0-or-later
//
// The live policy, first version: steps the downtime limit under the ceiling, leaves early, gives
// up or forces in time. Judged at iteration boundaries, because between them what remains is a saw
// tooth; only the timeout is looked at in between. Pure: no I/O, no clock (`now` is in the sample).
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "orchestrator/options.h"
#include "orchestrator/types.h"

namespace vmigrate {

struct KeepGoing {};
struct SetDowntimeLimit {
    milliseconds limit{};
    std::string reason;
};
/// Switch over whatever it costs: the ceiling does not hold any more, and it is said.
struct ForceSwitchover {
    milliseconds limit{};
    milliseconds predicted{};
    std::string reason;
};
struct StartPostcopy {
    std::string reason;
};
struct GiveUp {
    std::string reason;
};
using Decision = std::variant<KeepGoing, SetDowntimeLimit, ForceSwitchover, StartPostcopy, GiveUp>;

class LivePolicy {
  public:
    /// `bandwidth_expected` is used until the stream has shown its own; 0 = unknown.
    LivePolicy(const Options& options, BytesPerSecond bandwidth_expected);

    /// At the start of an iteration: `sample` shows what remains right after the bitmap was read.
    Decision at_iteration(const Sample& sample);
    /// Between iterations. `in_precopy` is the time since memory began to flow.
    Decision at_tick(const Sample& sample, milliseconds in_precopy);

    /// The guest is being throttled: the sooner it is over the better, so all is used that the
    /// ceiling allows.
    Decision when_throttled();
    /// What timeout-action says; only once.
    Decision last_resort(const Sample& sample, const std::string& why);

    milliseconds limit() const { return limit_; }
    milliseconds longest_pause() const { return most_; }

  private:
    milliseconds predicted_pause(const Sample& sample) const;

    Options options_;
    milliseconds most_;
    milliseconds limit_;
    BytesPerSecond bandwidth_;
    std::optional<Sample> boundary_;  ///< the last one
    bool resorted_ = false;           ///< the last resort is taken once
};

}  // namespace vmigrate
