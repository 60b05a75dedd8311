// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/sequence.h"

#include <limits>

namespace vmigrate::lab {

SequenceBook::Arrival SequenceBook::add(std::uint64_t sequence) {
    if (sequence >= kMost) {
        return Arrival::in_order;
    }
    const bool latest = sequence >= times_.size();
    if (latest) {
        times_.resize(sequence + 1);
    }
    std::uint8_t& times = times_[sequence];
    if (times < std::numeric_limits<std::uint8_t>::max()) {
        ++times;
    }
    if (times > 1) {
        ++so_far_.duplicated;
        return Arrival::again;
    }
    if (latest) {
        return Arrival::in_order;
    }
    if (so_far_.reordered++ == 0) {
        so_far_.first_reordered = sequence;
    }
    so_far_.last_reordered = sequence;
    return Arrival::late;
}

Tally SequenceBook::tally(std::uint64_t sent) const {
    Tally result = so_far_;
    std::uint64_t run = 0;
    for (std::uint64_t n = 0; n < sent; ++n) {
        if (n < times_.size() && times_[n] > 0) {
            ++result.received;
            run = 0;
            continue;
        }
        ++result.lost;
        if (++run > result.longest_loss) {
            result.longest_loss = run;
            result.longest_loss_start = n + 1 - run;
        }
    }
    return result;
}

}  // namespace vmigrate::lab
