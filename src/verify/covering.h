// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pairwise covering arrays: few rows in which each two values of different factors meet at least
// once, as far as they may meet at all. Pure and deterministic; any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace vmigrate::verify {

/// What may be chosen one way or another.
struct Factor {
    std::string name;
    std::vector<std::string> values;  ///< at least one
};

/// One value of one factor, both as indices.
struct Choice {
    unsigned factor = 0;
    unsigned value = 0;
    friend auto operator<=>(const Choice&, const Choice&) = default;
};

/// Two choices of different factors that may not meet.
struct Exclusion {
    Choice one;
    Choice other;
};

/// The index of the value of each factor, in their order.
using Row = std::vector<unsigned>;

bool allowed(const Row& row, std::span<const Exclusion> exclusions);

/// Pairs of choices that no allowed row has: those that exclude each other, and what follows from
/// several exclusions together. The earlier factor is `one`.
std::vector<Exclusion> pairs_never_met(std::span<const Factor> factors,
                                       std::span<const Exclusion> exclusions);

/// Allowed rows that have every pair which some allowed row has. Each row in turn is one that has
/// most of what is left. REQUIRES: the product of the numbers of values is below a few million, as
/// all rows are looked at.
std::vector<Row> covering_array(std::span<const Factor> factors,
                                std::span<const Exclusion> exclusions);

}  // namespace vmigrate::verify
