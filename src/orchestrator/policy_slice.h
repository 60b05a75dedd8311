// SPDX-License-Identifier: GPL-2.0-or-later
//
// The turn of memory while QEMU copies disks in the stream: none while they are copied for the
// first time, hardly any when their dirty blocks are sent again, and more as those get less, so
// that memory is sent when the disks are nearly done and not again and again before. Pure: no I/O,
// no clock.
#pragma once

#include <optional>

#include "orchestrator/types.h"

namespace vmigrate {

class SlicePolicy {
  public:
    /// `most` is the turn when nothing is dirty any more; 0 = never a turn before the disks are
    /// done.
    explicit SlicePolicy(milliseconds most) : most_(most) {}

    /// The turn to set from now on; nothing when it stays as it is. A sample that says nothing
    /// about such disks changes nothing.
    std::optional<milliseconds> at_tick(const Sample& sample);

  private:
    milliseconds turn_for(const StreamDisks& disks);

    milliseconds most_;
    std::optional<milliseconds> turn_;     ///< as last set
    std::optional<Bytes> dirty_at_first_;  ///< when all disks had been copied once
};

}  // namespace vmigrate
