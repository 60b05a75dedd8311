// SPDX-License-Identifier: GPL-2.0-or-later
// Which of a sequence of datagrams arrived, how often, and in which order.
#pragma once

#include <cstdint>
#include <vector>

#include "probe/packet.h"

namespace vmigrate::lab {

// One byte per datagram; not thread-safe.
class SequenceBook {
  public:
    static constexpr std::uint64_t kMost = 32 << 20;  // higher sequences are not counted

    enum class Arrival { in_order, late, again };

    Arrival add(std::uint64_t sequence);

    // What arrived of 0 ... sent - 1.
    Tally tally(std::uint64_t sent) const;

  private:
    std::vector<std::uint8_t> times_;  // times_[n]: how often n arrived; 255 means at least that
    Tally so_far_ = {};                // what does not depend on how many were sent
};

}  // namespace vmigrate::lab
