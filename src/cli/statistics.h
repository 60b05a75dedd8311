// SPDX-License-Identifier: GPL-2.0-or-later
//
// What migrations have cost, by the two hosts and the policy. Percentiles are by nearest rank: a
// value that really occurred, of at least that share of all. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/store.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

struct Spread {
    std::optional<microseconds> median;
    std::optional<microseconds> p95;
    std::optional<microseconds> p99;
};
Spread spread_of(std::vector<microseconds> values);

struct Statistics {
    std::string source;
    std::string destination;
    std::string policy;
    std::size_t migrations = 0;  ///< that have ended
    std::size_t moved = 0;       ///< the figures are of these
    Spread blackout;
    Spread total;
};

/// By source, destination and policy, in the order of these names.
std::vector<Statistics> statistics_of(const std::vector<history::Entry>& entries);

Json statistics_json(const Statistics& one);
std::string statistics_text(const std::vector<Statistics>& all);

}  // namespace vmigrate::cli
