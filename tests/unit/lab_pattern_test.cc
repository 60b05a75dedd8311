// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: lab_verifier
// LABELS: unit
#include <doctest/doctest.h>

#include <set>

#include "guest/memory_content.h"
#include "guest/pattern.h"
#include "guest/settings.h"

using namespace vmigrate::lab;

namespace {

// The blocks of so many steps.
std::set<std::size_t> walked(Pattern pattern, std::size_t blocks, int steps, Hot hot = {0, 0}) {
    Walk walk(1);
    std::set<std::size_t> seen;
    for (int i = 0; i < steps; ++i) {
        const Extent extent = walk.next(pattern, blocks, hot, 100);
        REQUIRE(extent.count >= 1);
        REQUIRE(extent.count <= 100);
        REQUIRE(extent.first + extent.count <= blocks);
        for (std::size_t block = extent.first; block < extent.first + extent.count; ++block) {
            seen.insert(block);
        }
    }
    return seen;
}

}  // namespace

TEST_CASE("sequential and stripes come to each block once in a round") {
    for (const std::size_t blocks : {1, 2, 15, 16, 17, 1000}) {
        CAPTURE(blocks);
        CHECK(walked(Pattern::kSequential, blocks, static_cast<int>(blocks)).size() == blocks);
        // with fewer blocks than a stride some offsets have none, and come to an earlier one
        CHECK(walked(Pattern::kStripes, blocks, static_cast<int>(blocks) + 32).size() == blocks);
    }
    CHECK(walked(Pattern::kStripes, 1000, 1000).size() == 1000);
}

TEST_CASE("random and mixed come everywhere") {
    CHECK(walked(Pattern::kRandom, 50, 2000).size() == 50);
    CHECK(walked(Pattern::kMixed, 50, 2000).size() == 50);
    CHECK(walked(Pattern::kMixed, 1, 10).size() == 1);
    CHECK(walked(Pattern::kMixed, 10'000, 20'000).size() >
          9'900);  // the first few are at few starts
}

TEST_CASE("random writes prefer what is hot") {
    CHECK(*walked(Pattern::kRandom, 1000, 500, {10, 100}).rbegin() < 10);
    CHECK(*walked(Pattern::kRandom, 1000, 500, {10, 0}).begin() >= 10);
    CHECK(*walked(Pattern::kRandom, 1000, 500, {1000, 100}).rbegin() > 900);
}

TEST_CASE("settings are applied all or none") {
    SettingsStore store;
    CHECK(store.apply("pattern=stripes disk-pattern=mixed disk-block=8K clear=5") == "");
    CHECK(store.get().pattern == Pattern::kStripes);
    CHECK(store.get().disk_pattern == Pattern::kMixed);
    CHECK(store.get().disk_block == 8192);
    CHECK(store.apply("clear=7 pattern=zigzag") ==
          "bad value in \"pattern=zigzag\"; there are: random, sequential, stripes, mixed");
    CHECK(store.get().clear == 5);
    for (const char* bad :
         {"disk-block=1000", "disk-block=1536", "disk-block=256", "pattern=", "pattern",
          "clear=101", "zero=60 random=60", "disk-zero=60 disk-trim=60", "damage=1", "nothing=1"}) {
        CAPTURE(bad);
        CHECK(store.apply(bad) != "");
    }
}

TEST_CASE("damage is counted by kind") {
    SettingsStore store;
    CHECK(store.apply("damage=old") == "");
    CHECK(store.apply("damage=old disk-damage=torn") == "");
    CHECK(store.get().damage == Damages{0, 2, 0, 0});
    CHECK(store.get().disk_damage == Damages{0, 0, 0, 1});
}

TEST_CASE("pages are of their kinds in the shares asked for") {
    int zero = 0;
    int random = 0;
    for (std::size_t page = 0; page < 100'000; ++page) {
        zero += page_kind(page, 20, 30) == PageKind::kZero ? 1 : 0;
        random += page_kind(page, 20, 30) == PageKind::kRandom ? 1 : 0;
    }
    CHECK(zero == doctest::Approx(20'000).epsilon(0.02));
    CHECK(random == doctest::Approx(30'000).epsilon(0.02));
}
