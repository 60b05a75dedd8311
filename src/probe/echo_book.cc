// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/echo_book.h"

#include <algorithm>
#include <limits>

namespace vmigrate::probe {
namespace {

microseconds between(TimePoint a, TimePoint b) {
    return std::chrono::duration_cast<microseconds>(b - a);
}

}  // namespace

std::uint64_t EchoBook::sent() {
    times_.push_back(0);
    return times_.size() - 1;
}

void EchoBook::answered(std::uint64_t number, TimePoint at) {
    if (number >= times_.size()) {
        return;
    }
    if (last_) {
        longest_ = std::max(longest_, between(*last_, at));
    }
    last_ = at;
    auto& times = times_[number];
    if (times < std::numeric_limits<std::uint8_t>::max()) {
        ++times;
    }
    if (times > 1) {
        ++duplicated_;
        return;
    }
    ++distinct_;
    if (number < next_) {
        ++reordered_;
        return;
    }
    next_ = number + 1;
}

ProbeCounts EchoBook::counts(TimePoint last_sent) const {
    ProbeCounts counts;
    counts.sent = times_.size();
    counts.lost = times_.size() - distinct_;
    counts.duplicated = duplicated_;
    counts.reordered = reordered_;
    counts.longest_gap = longest_;
    if (last_ && !last_is_answered()) {
        counts.longest_gap = std::max(longest_, between(*last_, last_sent));
    }
    return counts;
}

}  // namespace vmigrate::probe
