// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/write_profile.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vmigrate {
namespace {

/// A part that is dirty as a whole says only that it is written more often than this.
constexpr double kMostDirty = 0.97;
constexpr unsigned kRounds = 50;
/// So many more times as likely must two parts be (as a logarithm): three figures explain more than
/// one whatever is measured.
constexpr double kConvincing = 3.0;
/// Less than this is no hot part.
constexpr double kTimesHotter = 3.0;

double seconds_of(milliseconds time) {
    return static_cast<double>(time.count()) / 1000.0;
}

double rate_for(double dirty_share, double time_s) {
    return time_s > 0 ? -std::log(1.0 - std::min(dirty_share, kMostDirty)) / time_s : 0.0;
}

/// Two kinds of pieces: of the first, `first_share` of all, a page changed with chance `first`.
struct Mixture {
    double first_share = 0;
    double first = 0;
    double second = 0;
};

/// Of one piece, given the chance of a change; without the factor that is the same for all chances.
double log_likelihood(const PieceFacts& piece, double chance) {
    const double p = std::clamp(chance, 1e-4, 1.0 - 1e-4);
    return piece.changed * std::log(p) + (piece.pages - piece.changed) * std::log(1.0 - p);
}

double log_likelihood(const std::vector<PieceFacts>& pieces, const Mixture& mixture) {
    double sum = 0;
    for (const auto& piece : pieces) {
        const double a = std::log(mixture.first_share) + log_likelihood(piece, mixture.first);
        const double b = std::log(1 - mixture.first_share) + log_likelihood(piece, mixture.second);
        sum += std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)));
    }
    return sum;
}

/// Shares of the pages, not of the pieces.
struct Weights {
    double pages = 0;
    double changed = 0;
    double chance() const { return pages > 0 ? changed / pages : 0.0; }
};

/// Expectation maximization: how much each piece belongs to which kind, then what the kinds are.
Mixture separate(const std::vector<PieceFacts>& pieces, const Weights& all) {
    Mixture mixture{0.25, std::min(0.9, 3 * all.chance() + 0.05), all.chance() / 3};
    for (unsigned round = 0; round < kRounds; ++round) {
        Weights first;
        Weights second;
        for (const auto& piece : pieces) {
            const double a = std::log(mixture.first_share) + log_likelihood(piece, mixture.first);
            const double b =
                std::log(1 - mixture.first_share) + log_likelihood(piece, mixture.second);
            const double belongs = 1.0 / (1.0 + std::exp(b - a));
            first.pages += belongs * piece.pages;
            first.changed += belongs * piece.changed;
            second.pages += (1 - belongs) * piece.pages;
            second.changed += (1 - belongs) * piece.changed;
        }
        mixture = {std::clamp(first.pages / all.pages, 0.001, 0.999), first.chance(),
                   second.chance()};
    }
    return mixture;
}

std::vector<MemoryPart> parts_of(const MemoryFacts& facts, double bytes, bool& split) {
    const double window = seconds_of(facts.piece_window);
    Weights all;
    for (const auto& piece : facts.pieces) {
        all.pages += piece.pages;
        all.changed += piece.changed;
    }
    const auto mixture = separate(facts.pieces, all);
    double one = 0;
    for (const auto& piece : facts.pieces) {
        one += log_likelihood(piece, all.chance());
    }
    split = mixture.first > kTimesHotter * mixture.second &&
            log_likelihood(facts.pieces, mixture) > one + kConvincing;
    if (!split) {
        return {{bytes, rate_for(all.chance(), window)}};
    }
    return {{bytes * mixture.first_share, rate_for(mixture.first, window)},
            {bytes * (1 - mixture.first_share), rate_for(mixture.second, window)}};
}

void scale(WriteProfile& profile, double factor) {
    for (auto& part : profile.parts) {
        part.writes_per_s *= factor;
    }
}

/// Two samples of the same thing: the truth is taken to lie in the middle.
void bring_into_line(WriteProfile& profile, const MemoryFacts& facts) {
    const double window = seconds_of(facts.dirty_window);
    const double own = profile.dirtied(window);
    const double measured = static_cast<double>(facts.dirty_rate->count) * window;
    const double wanted = (own + measured) / 2;
    double low = 0.1;
    double high = 10.0;
    for (unsigned round = 0; round < kRounds; ++round) {
        auto scaled = profile;
        const double middle = std::sqrt(low * high);
        scale(scaled, middle);
        (scaled.dirtied(window) < wanted ? low : high) = middle;
    }
    scale(profile, low);
}

}  // namespace

double WriteProfile::dirtied(double time_s) const {
    return std::accumulate(parts.begin(), parts.end(), 0.0, [&](double sum, const auto& part) {
        return sum + part.bytes * (1.0 - std::exp(-part.writes_per_s * time_s));
    });
}

double WriteProfile::first_share_of_writes() const {
    double all = 0;
    for (const auto& part : parts) {
        all += part.bytes * part.writes_per_s;
    }
    return all > 0 ? parts.front().bytes * parts.front().writes_per_s / all : 0.0;
}

double WriteProfile::bytes() const {
    return std::accumulate(parts.begin(), parts.end(), 0.0,
                           [](double sum, const auto& part) { return sum + part.bytes; });
}

WriteProfile profile_of(const MemoryFacts& facts, Bytes memory) {
    WriteProfile profile;
    const double bytes = static_cast<double>(memory.count) * (1.0 - facts.zero_share);
    const bool read_twice =
        facts.piece_window.count() > 0 &&
        std::ranges::any_of(facts.pieces, [](const auto& piece) { return piece.pages > 0; });
    if (read_twice) {
        profile.parts = parts_of(facts, bytes, profile.split);
        if (profile.dirtied(1.0) > 0) {
            if (facts.dirty_rate && facts.dirty_window.count() > 0) {
                bring_into_line(profile, facts);
            }
            return profile;
        }
        profile.split = false;  // so rare that no piece was hit
    }
    double rate = 0;
    if (facts.dirty_rate && bytes > 0) {
        const double window = facts.dirty_window.count() > 0 ? seconds_of(facts.dirty_window) : 1.0;
        const double dirty = static_cast<double>(facts.dirty_rate->count) * window;
        rate = rate_for(dirty / bytes, window);
    }
    profile.parts = {{bytes, rate}};
    return profile;
}

}  // namespace vmigrate
