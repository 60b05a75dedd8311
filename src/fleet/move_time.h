// SPDX-License-Identifier: GPL-2.0-or-later
//
// How long a move takes at a bandwidth, from a few figures and at once: for choosing among very
// many moves. `play` in orchestrator/simulation.h says it more exactly for one guest, when all
// about it is known; a test compares the two. Pure; any thread.
//
// The model is the geometric series of pre-copy. The first pass sends all, V; while a pass of
// length t is sent, V (1 - exp(-D t / V)) becomes dirty, which is D t while that is little
// (orchestrator/write_profile.h), and is what the next pass sends; a hot part of the memory and the
// rest are counted each for itself. With r = D / B the passes shrink by r, and V / (1 - r) is sent
// at bandwidth B, until a pass fits into the downtime limit. Disks are sent once before. Where
// passes shrink by less than a twentieth, the guest is throttled until it dirties a fifth of what
// is sent (orchestrator/policy_throttle.h). A guest in a hurry is throttled after the first pass.
#pragma once

#include "fleet/model.h"

namespace vmigrate::fleet {

struct MoveTime {
    milliseconds fixed{};
    milliseconds sending{};
    Bytes sent;
    bool throttled = false;
    milliseconds total() const { return fixed + sending; }
};

/// Taken where neither link nor limit is known, as for a single move (orchestrator/predict.cc).
constexpr BytesPerSecond kAssumedBandwidth{125'000'000};

/// At `bandwidth`; 0 = not known.
MoveTime move_time(const Load& load, BytesPerSecond bandwidth, bool hurried = false);

/// A move in thought, whose bandwidth changes while it is under way.
class Journey {
  public:
    /// `slowness`: how much longer than predicted it takes.
    explicit Journey(const Load& load, bool hurried = false, double slowness = 1);

    void advance(milliseconds time, BytesPerSecond bandwidth);
    void hurry();
    bool hurried() const { return hurried_; }

    /// Everything that it does apart from sending comes first.
    bool sending() const { return fixed_left_ <= 0; }
    milliseconds until_sending() const;
    /// Rounded up: after that time it has ended.
    milliseconds left(BytesPerSecond bandwidth) const;

  private:
    double sending_ms(BytesPerSecond bandwidth) const;

    Load load_;
    bool hurried_;
    double slowness_;
    double fixed_left_;                         ///< milliseconds
    double send_left_ = 1;                      ///< share of the sending
    mutable BytesPerSecond known_bandwidth_{};  ///< for which `known_ms_` was found
    mutable double known_ms_ = -1;
};

}  // namespace vmigrate::fleet
