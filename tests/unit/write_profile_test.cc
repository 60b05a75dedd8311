// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/write_profile.h"

#include <doctest/doctest.h>

#include <random>

using namespace vmigrate;

namespace {

constexpr double kGibi = 1024.0 * 1024 * 1024;

/// Pieces of 16 pages as they would be read twice, 0.7 s apart, of a guest that writes the share
/// `hot` of its memory `hot_rate` times per second and page, and the rest `cold_rate` times.
MemoryFacts seen(double hot, double hot_rate, double cold_rate, unsigned pieces = 48) {
    std::mt19937 random(7);
    MemoryFacts facts;
    facts.piece_window = milliseconds(700);
    for (unsigned i = 0; i < pieces; ++i) {
        const double rate = i < hot * pieces ? hot_rate : cold_rate;
        std::binomial_distribution<unsigned> changed(16, 1 - std::exp(-rate * 0.7));
        facts.pieces.push_back({16, changed(random)});
    }
    return facts;
}

}  // namespace

TEST_CASE("what is written again and again is dirty once") {
    MemoryFacts facts;
    facts.dirty_rate = BytesPerSecond{100 << 20};
    facts.dirty_window = seconds(1);
    const auto profile = profile_of(facts, gibibytes(1));
    CHECK(profile.dirtied(1.0) == doctest::Approx(100.0 * 1024 * 1024).epsilon(0.01));
    CHECK(profile.dirtied(10.0) < 900.0 * 1024 * 1024);
    CHECK(profile.dirtied(1e6) == doctest::Approx(kGibi));
    CHECK(!profile.split);
}

TEST_CASE("memory that is zero is not written") {
    MemoryFacts facts;
    facts.dirty_rate = BytesPerSecond{100 << 20};
    facts.zero_share = 0.5;
    CHECK(profile_of(facts, gibibytes(1)).dirtied(1e6) == doctest::Approx(kGibi / 2));
}

TEST_CASE("a guest that writes everywhere alike has one part") {
    for (const double rate : {0.01, 0.1, 0.5, 2.0}) {
        CAPTURE(rate);
        const auto profile = profile_of(seen(0, 0, rate), gibibytes(1));
        CHECK(!profile.split);
        CHECK(profile.dirtied(1.0) ==
              doctest::Approx(kGibi * (1 - std::exp(-rate))).epsilon(rate < 0.05 ? 0.6 : 0.25));
    }
}

TEST_CASE("a hot part is found, with its size and its share of the writes") {
    const auto profile = profile_of(seen(0.125, 5.0, 0.05), gibibytes(1));
    REQUIRE(profile.split);
    CHECK(profile.parts.front().bytes == doctest::Approx(kGibi / 8).epsilon(0.2));
    CHECK(profile.first_share_of_writes() > 0.85);
    // The hot part is dirty after a second, the rest hardly.
    CHECK(profile.dirtied(1.0) < kGibi * 0.25);
    CHECK(profile.dirtied(1.0) > kGibi * 0.1);
}

TEST_CASE("both measurements count") {
    auto facts = seen(0, 0, 0.1);
    const auto own = profile_of(facts, gibibytes(1)).dirtied(1.0);
    facts.dirty_rate = BytesPerSecond{static_cast<std::uint64_t>(2 * own)};
    facts.dirty_window = seconds(1);
    CHECK(profile_of(facts, gibibytes(1)).dirtied(1.0) == doctest::Approx(1.5 * own).epsilon(0.02));
}

TEST_CASE("pieces that show nothing leave it to the dirty rate") {
    auto facts = seen(0, 0, 0);
    CHECK(profile_of(facts, gibibytes(1)).dirtied(10) == 0);
    facts.dirty_rate = BytesPerSecond{1 << 20};
    facts.dirty_window = seconds(1);
    CHECK(profile_of(facts, gibibytes(1)).dirtied(1.0) == doctest::Approx(1 << 20).epsilon(0.01));
    facts.pieces.clear();
    facts.dirty_rate.reset();
    CHECK(profile_of(facts, gibibytes(1)).dirtied(10) == 0);
}
