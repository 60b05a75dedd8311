// SPDX-License-Identifier: GPL-2.0-or-later
//
// A migration played in thought: a model of QEMU's pre-copy, driven by the very policies that will
// drive the real one, so that what they do (downtime limits, throttle, giving up, post-copy) is
// part of what is predicted. Pure: the time is the model's own.
//
// The model. QEMU sends what is dirty, in slices of 100 ms when the bandwidth is limited and of
// 50 ms else, until what remains is less than the downtime limit carries; then it reads again what
// has become dirty (WriteProfile), and either switches over or begins another iteration. So what is
// sent while the guest stands still is most of what the limit allows, however idle the guest is.
// What remains is counted in pages as they are, zero and compressible ones too, while the bandwidth
// is counted on the wire. A limit of the bandwidth does not hold any more at the switchover.
#pragma once

#include "orchestrator/options.h"
#include "orchestrator/plan.h"
#include "orchestrator/write_profile.h"

namespace vmigrate {

struct Scene {
    WriteProfile writes;            ///< nothing is written when the guest is paused
    Bytes memory;                   ///< all of it
    double wire_share = 1;          ///< bytes on the wire for one of a page that is not zero
    BytesPerSecond bandwidth;       ///< on the wire, while the guest runs
    BytesPerSecond full_bandwidth;  ///< without the limit
    bool limited = false;           ///< the bandwidth is a limit that QEMU keeps
    ThrottleMeans throttle = ThrottleMeans::none;
    bool auto_converge = false;  ///< QEMU throttles by itself
    unsigned delay_percent = 0;  ///< of the memory: what is written most is sent late
};

struct Course {
    enum class End { switched_over, forced, postcopy, gave_up };
    End end = End::gave_up;
    std::uint32_t iterations = 0;
    Bytes sent;            ///< on the wire
    milliseconds flow{};   ///< from the first byte to the stop of the guest
    milliseconds pause{};  ///< what is sent while it stands still
    milliseconds after{};  ///< of post-copy, until all memory is there
    milliseconds throttled{};
    unsigned throttle_percent_max = 0;
    bool fits() const { return end == End::switched_over; }
};

Course play(const Options& options, const Scene& scene);

}  // namespace vmigrate
