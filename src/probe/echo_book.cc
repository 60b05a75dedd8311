// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/echo_book.h"

#include <algorithm>
#include <limits>
#include <span>

#include "probe/thin_out.h"

namespace vmigrate::probe {
namespace {

constexpr std::size_t kMostSlices = 1000;

microseconds between(TimePoint a, TimePoint b) {
    return std::chrono::duration_cast<microseconds>(b - a);
}

}  // namespace

std::uint64_t EchoBook::sent(TimePoint at) {
    const std::uint64_t number = times_.size();
    times_.push_back(0);
    if (slices_.empty() || at - slices_.back().begin >= slice_length_) {
        if (slices_.size() == kMostSlices) {
            slice_length_ *= 2;
            thin_out(slices_);
        }
        slices_.push_back({at, number});
    }
    return number;
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

std::vector<ProbeSlice> EchoBook::slices(TimePoint last_sent) const {
    std::vector<ProbeSlice> result;
    for (std::size_t i = 0; i < slices_.size(); ++i) {
        const bool last = i + 1 == slices_.size();
        const auto begin = slices_[i].first;
        const auto end = last ? times_.size() : slices_[i + 1].first;
        const auto until = last ? last_sent : slices_[i + 1].begin;
        const auto of = std::span(times_).subspan(begin, end - begin);
        result.push_back({slices_[i].begin,
                          std::chrono::duration_cast<milliseconds>(until - slices_[i].begin),
                          of.size(), static_cast<std::uint64_t>(std::ranges::count(of, 0))});
    }
    return result;
}

}  // namespace vmigrate::probe
