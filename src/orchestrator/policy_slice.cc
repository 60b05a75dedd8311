// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_slice.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vmigrate {
namespace {

/// QEMU takes at most 1024 ms. Few values, so that QEMU is not told another one all the time.
constexpr std::array<int, 11> kTurns = {0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1024};

}  // namespace

milliseconds SlicePolicy::turn_for(const StreamDisks& disks) {
    if (!disks.bulk_completed || most_.count() == 0) {
        return milliseconds(0);
    }
    if (!dirty_at_first_) {
        dirty_at_first_ = disks.dirty;
    }
    // From 1 ms to the most by equal factors: as the dirty data halves, so does the distance.
    const double share = dirty_at_first_->count == 0
                             ? 0.0
                             : std::min(1.0, static_cast<double>(disks.dirty.count) /
                                                 static_cast<double>(dirty_at_first_->count));
    const double turn = std::pow(static_cast<double>(most_.count()), 1.0 - share);
    if (share == 0.0) {
        return most_;
    }
    const auto* above = std::ranges::upper_bound(kTurns, static_cast<int>(turn));
    return milliseconds(*(above - 1));
}

std::optional<milliseconds> SlicePolicy::at_tick(const Sample& sample) {
    if (!sample.stream_disks) {
        return std::nullopt;
    }
    const auto turn = turn_for(*sample.stream_disks);
    if (turn_ == turn) {
        return std::nullopt;
    }
    turn_ = turn;
    return turn;
}

}  // namespace vmigrate
