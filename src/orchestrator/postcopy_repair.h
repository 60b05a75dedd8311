// SPDX-License-Identifier: GPL-2.0-or-later
//
// A post-copy that broke off: the guest runs on the destination and needs memory that only the
// source has. It is resumed, again and again while the network is away, until it goes on or
// patience is over. Nothing here ends a guest. Thread rule: that of the edges.
#pragma once

#include <optional>
#include <string>

#include "orchestrator/network_watch.h"
#include "orchestrator/runner.h"

namespace vmigrate {

class PostcopyRepair {
  public:
    /// `call` is what began the migration. Both are borrowed.
    PostcopyRepair(const MigrationCall& call, milliseconds patience, const Edges& edges)
        : call_(call), patience_(patience), edges_(edges) {}

    /// The guest was found half moved: tries to resume when the time for it has come. False when
    /// patience is over.
    bool attempt(TimePoint now, PostcopyState state);
    /// The rest of the memory is said to be on its way: makes sure that it is.
    void watch(const std::optional<Sample>& sample);
    /// Takes the end of an attempt, or of the call before.
    void saw(const Event& event);
    /// An attempt has not ended yet.
    bool under_way() const { return under_way_; }
    /// Nobody wants to wait any longer.
    void stop() { patience_ = {}; }

    /// Why it is not resumed, to be said in parentheses.
    std::string obstacle() const;

  private:
    void failed(TimePoint now, const std::string& why);
    void say(const std::string& text);

    const MigrationCall& call_;
    milliseconds patience_;
    const Edges& edges_;
    std::optional<TimePoint> since_;  ///< it was found broken
    TimePoint next_{};
    milliseconds pause_{std::chrono::seconds(1)};  ///< until the next attempt
    bool under_way_ = false;
    bool noticed_ = true;  ///< by the destination's QEMU
    PostcopyWatch flow_;
    std::string last_error_;
};

}  // namespace vmigrate
