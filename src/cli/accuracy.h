// SPDX-License-Identifier: GPL-2.0-or-later
//
// Predictions held against what was measured, for migrations that moved their guest and have both.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/store.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

/// A total time is met within a quarter, a blackout within a factor of two either way.
inline constexpr double kTotalTolerance = 0.25;
inline constexpr double kBlackoutFactor = 2.0;

/// Measured divided by predicted: 1 is exact.
struct Accuracy {
    double total = 0;
    double blackout = 0;

    bool total_met() const { return total >= 1 - kTotalTolerance && total <= 1 + kTotalTolerance; }
    bool blackout_met() const {
        return blackout >= 1 / kBlackoutFactor && blackout <= kBlackoutFactor;
    }
};

/// Nothing when the guest did not move, or one of the four figures is not known.
std::optional<Accuracy> accuracy_of(const history::Entry& entry);

Json accuracy_json(const history::Entry& entry, const Accuracy& accuracy);

/// A table of all migrations that can be judged, below it how many predictions were met, and
/// how many migrations were left out.
std::string accuracy_text(const std::vector<history::Entry>& entries);

}  // namespace vmigrate::cli
