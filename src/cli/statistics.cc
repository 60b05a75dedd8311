// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

/// The smallest of the sorted values that at least `share` of all do not exceed.
std::optional<microseconds> at_rank(const std::vector<microseconds>& sorted, double share) {
    if (sorted.empty()) {
        return std::nullopt;
    }
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

std::string time_text(const std::optional<microseconds>& time) {
    return time ? format_time(std::chrono::ceil<milliseconds>(*time)) : "-";
}

std::string ratio_text(const Spread& spread) {
    return fmt::format("{} / {} / {}", time_text(spread.median), time_text(spread.p95),
                       time_text(spread.p99));
}

Json count(const std::optional<microseconds>& time, std::int64_t unit) {
    return time ? Json(time->count() / unit) : Json(nullptr);
}

}  // namespace

Spread spread_of(std::vector<microseconds> values) {
    constexpr double most = 0.95;
    constexpr double nearly_all = 0.99;
    std::ranges::sort(values);
    return {at_rank(values, 0.5), at_rank(values, most), at_rank(values, nearly_all)};
}

std::vector<Statistics> statistics_of(const std::vector<history::Entry>& entries) {
    struct Group {
        Statistics statistics;
        std::vector<microseconds> blackouts;
        std::vector<microseconds> totals;
    };
    std::map<std::tuple<std::string, std::string, std::string>, Group> groups;
    for (const auto& entry : entries) {
        if (!entry.outcome) {
            continue;
        }
        auto& group = groups[{entry.source, entry.destination, entry.policy}];
        ++group.statistics.migrations;
        if (entry.outcome != Outcome::moved && entry.outcome != Outcome::moved_with_problems) {
            continue;
        }
        ++group.statistics.moved;
        if (entry.measures.blackout) {
            group.blackouts.push_back(*entry.measures.blackout);
        }
        if (entry.measures.total) {
            group.totals.push_back(*entry.measures.total);
        }
    }
    std::vector<Statistics> all;
    for (auto& [key, group] : groups) {
        auto& one = all.emplace_back(std::move(group.statistics));
        std::tie(one.source, one.destination, one.policy) = key;
        one.blackout = spread_of(std::move(group.blackouts));
        one.total = spread_of(std::move(group.totals));
    }
    return all;
}

Json statistics_json(const Statistics& one) {
    constexpr std::int64_t ms = 1000;
    return {{"source", one.source},
            {"destination", one.destination},
            {"policy", one.policy},
            {"migrations", one.migrations},
            {"moved", one.moved},
            {"blackout_median_us", count(one.blackout.median, 1)},
            {"blackout_p95_us", count(one.blackout.p95, 1)},
            {"blackout_p99_us", count(one.blackout.p99, 1)},
            {"total_median_ms", count(one.total.median, ms)},
            {"total_p95_ms", count(one.total.p95, ms)},
            {"total_p99_ms", count(one.total.p99, ms)}};
}

std::string statistics_text(const std::vector<Statistics>& all) {
    if (all.empty()) {
        return "no migrations\n";
    }
    std::vector<std::vector<std::string>> rows = {{"FROM", "TO", "POLICY", "MIGRATIONS", "MOVED",
                                                   "BLACKOUT MEDIAN / 95 % / 99 %",
                                                   "TOTAL MEDIAN / 95 % / 99 %"}};
    for (const auto& one : all) {
        rows.push_back({one.source, one.destination, one.policy, fmt::format("{}", one.migrations),
                        fmt::format("{}", one.moved), ratio_text(one.blackout),
                        ratio_text(one.total)});
    }
    return table(rows);
}

}  // namespace vmigrate::cli
