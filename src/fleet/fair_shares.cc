// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/fair_shares.h"

#include <algorithm>
#include <array>
#include <limits>

namespace vmigrate::fleet {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();
/// Links that are full at nearly the same level are filled in one go.
constexpr double kAsGoodAs = 1 + 1e-9;

/// What several streams share: one direction of a link, or the budget.
struct Capacity {
    double left = kNoLimit;
    unsigned streams = 0;  ///< that still grow
    double weight = 0;     ///< of those
    /// How far they can grow, each for its weight.
    double level() const { return streams > 0 ? left / weight : kNoLimit; }
};

Capacity of(BytesPerSecond rate) {
    return {rate.count > 0 ? static_cast<double>(rate.count) : kNoLimit, 0, 0};
}

}  // namespace

std::vector<BytesPerSecond> fair_shares(const std::vector<Stream>& streams,
                                        const std::vector<BytesPerSecond>& links,
                                        BytesPerSecond total) {
    std::vector<Capacity> capacities;  // out and in of each host, then the budget
    capacities.reserve(2 * links.size() + 1);
    for (const auto link : links) {
        capacities.insert(capacities.end(), 2, of(link));
    }
    capacities.push_back(of(total));
    const auto uses = [&](const Stream& stream) {
        return std::array{&capacities[2 * stream.from], &capacities[2 * stream.to + 1],
                          &capacities.back()};
    };
    std::vector<std::size_t> growing;
    for (std::size_t i = 0; i < streams.size(); ++i) {
        growing.push_back(i);
        for (auto* capacity : uses(streams[i])) {
            ++capacity->streams;
            capacity->weight += streams[i].weight;
        }
    }
    std::vector<BytesPerSecond> shares(streams.size());
    while (!growing.empty()) {
        double level = kNoLimit;
        for (const auto i : growing) {
            for (const auto* capacity : uses(streams[i])) {
                level = std::min(level, capacity->level());
            }
        }
        if (level == kNoLimit) {
            break;
        }
        // who stops is decided before anything is taken away
        const auto stopped = std::partition(growing.begin(), growing.end(), [&](std::size_t i) {
            return std::ranges::none_of(uses(streams[i]), [&](const Capacity* capacity) {
                return capacity->level() <= level * kAsGoodAs;
            });
        });
        for (auto stop = stopped; stop != growing.end(); ++stop) {
            const auto& stream = streams[*stop];
            const double share = level * stream.weight;
            shares[*stop] = {std::max<std::uint64_t>(1, static_cast<std::uint64_t>(share))};
            for (auto* capacity : uses(stream)) {
                capacity->left = std::max(0.0, capacity->left - share);
                capacity->weight -= stream.weight;
                --capacity->streams;
            }
        }
        growing.erase(stopped, growing.end());
    }
    return shares;
}

}  // namespace vmigrate::fleet
