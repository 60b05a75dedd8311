// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

double ratio(microseconds measured, microseconds predicted) {
    return static_cast<double>(measured.count()) / static_cast<double>(predicted.count());
}

bool moved(const history::Entry& entry) {
    return entry.outcome == Outcome::moved || entry.outcome == Outcome::moved_with_problems;
}

/// Whoever counts the lines of `history` wants to know where the others are.
std::string left_out(const std::vector<history::Entry>& entries, std::size_t judged) {
    const auto stayed =
        static_cast<std::size_t>(std::ranges::count_if(entries, std::not_fn(moved)));
    const auto unknown = entries.size() - judged - stayed;
    std::string text;
    if (stayed > 0) {
        text += fmt::format("left out: {} that did not move (or not yet)\n", stayed);
    }
    if (unknown > 0) {
        text += fmt::format("left out: {} with no prediction or no measure of one of the two\n",
                            unknown);
    }
    return text;
}

}  // namespace

std::optional<Accuracy> accuracy_of(const history::Entry& entry) {
    const auto& predicted = entry.expected;
    const auto& measured = entry.measures;
    if (!moved(entry) || !predicted.total || !predicted.blackout || !measured.total ||
        !measured.blackout || predicted.total->count() == 0 || predicted.blackout->count() == 0) {
        return std::nullopt;
    }
    return Accuracy{ratio(*measured.total, *predicted.total),
                    ratio(*measured.blackout, *predicted.blackout)};
}

Json accuracy_json(const history::Entry& entry, const Accuracy& accuracy) {
    return {{"id", entry.id},
            {"guest", entry.guest.name},
            {"policy", entry.policy},
            {"predicted_total_ms", entry.expected.total->count()},
            {"total_ms", entry.measures.total->count()},
            {"total_ratio", accuracy.total},
            {"total_met", accuracy.total_met()},
            {"predicted_blackout_ms", entry.expected.blackout->count()},
            {"blackout_us", entry.measures.blackout->count()},
            {"blackout_ratio", accuracy.blackout},
            {"blackout_met", accuracy.blackout_met()}};
}

std::string accuracy_text(const std::vector<history::Entry>& entries) {
    std::vector<std::vector<std::string>> rows = {{"ID", "GUEST", "POLICY", "TOTAL PREDICTED",
                                                   "MEASURED", "RATIO", "BLACKOUT PREDICTED",
                                                   "MEASURED", "RATIO"}};
    unsigned totals = 0;
    unsigned blackouts = 0;
    for (const auto& entry : entries) {
        const auto accuracy = accuracy_of(entry);
        if (!accuracy) {
            continue;
        }
        totals += accuracy->total_met() ? 1 : 0;
        blackouts += accuracy->blackout_met() ? 1 : 0;
        rows.push_back({fmt::format("{}", entry.id), quoted(entry.guest.name), entry.policy,
                        format_time(*entry.expected.total), format_time(*entry.measures.total),
                        fmt::format("{:.2f}", accuracy->total),
                        format_time(*entry.expected.blackout),
                        format_time(std::chrono::ceil<milliseconds>(*entry.measures.blackout)),
                        fmt::format("{:.2f}", accuracy->blackout)});
    }
    const auto judged = rows.size() - 1;
    if (judged == 0) {
        return "no migration has both a prediction and measures\n";
    }
    return table(rows) +
           fmt::format(
               "total time within {:.0f} %: {} of {}; blackout within a "
               "factor of {:.0f}: {} of {}\n",
               kTotalTolerance * 100, totals, judged, kBlackoutFactor, blackouts, judged) +
           left_out(entries, judged);
}

}  // namespace vmigrate::cli
