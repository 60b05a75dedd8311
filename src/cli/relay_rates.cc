// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/relay_rates.h"

#include <fmt/format.h>

namespace vmigrate::cli {

std::optional<double> RelayRates::looked_at(const std::string& host,
                                            const netflow::FlowStats& stats, TimePoint now) {
    const auto key = fmt::format("{} {} {} {}", host, stats.flow.cookie.value, stats.flow.priority,
                                 netflow::format(stats.flow.match));
    const auto [place, is_new] = looks_.try_emplace(key);
    const auto before = place->second;
    place->second = {stats.packets, now};
    if (is_new || now <= before.at) {
        return std::nullopt;
    }
    // one that was deleted and put back counts from the start
    const auto more =
        stats.packets >= before.packets ? stats.packets - before.packets : stats.packets;
    return static_cast<double>(more) / std::chrono::duration<double>(now - before.at).count();
}

}  // namespace vmigrate::cli
