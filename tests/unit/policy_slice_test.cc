// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <random>

#include "orchestrator/policy_slice.h"

using namespace vmigrate;

namespace {

Sample with(bool bulk_completed, Bytes dirty) {
    Sample sample;
    sample.stream_disks = StreamDisks{bulk_completed, dirty};
    return sample;
}

}  // namespace

TEST_CASE("none while the disks are copied, hardly any at first, more as less is dirty") {
    SlicePolicy policy(milliseconds(50));
    CHECK(policy.at_tick(with(false, mebibytes(500))) == milliseconds(0));
    CHECK(!policy.at_tick(with(false, mebibytes(400))));
    CHECK(policy.at_tick(with(true, mebibytes(100))) == milliseconds(1));
    CHECK(!policy.at_tick(with(true, mebibytes(100))));
    CHECK(policy.at_tick(with(true, mebibytes(50))) == milliseconds(5));  // the root of 50 is 7
    CHECK(policy.at_tick(with(true, mebibytes(10))) == milliseconds(20));
    CHECK(policy.at_tick(with(true, {})) == milliseconds(50));
    CHECK(policy.at_tick(with(true, mebibytes(200))) == milliseconds(1));
}

TEST_CASE("a sample without such disks changes nothing") {
    SlicePolicy policy(milliseconds(50));
    CHECK(!policy.at_tick(Sample{}));
}

TEST_CASE("disks that were clean at once leave all the time to memory") {
    SlicePolicy policy(milliseconds(50));
    CHECK(policy.at_tick(with(true, {})) == milliseconds(50));
}

TEST_CASE("no turn at all when none is wanted") {
    SlicePolicy policy(milliseconds(0));
    CHECK(policy.at_tick(with(true, mebibytes(100))) == milliseconds(0));
    CHECK(!policy.at_tick(with(true, {})));
}

TEST_CASE("random courses: within bounds, and less dirty never means a shorter turn") {
    std::mt19937 random(3);
    for (int round = 0; round < 200; ++round) {
        const milliseconds most(1 + static_cast<int>(random() % 1024));
        SlicePolicy policy(most);
        milliseconds turn = policy.at_tick(with(false, mebibytes(1000))).value();
        Bytes dirty = mebibytes(1 + random() % 1000);
        turn = policy.at_tick(with(true, dirty)).value_or(turn);
        while (dirty.count > 0) {
            const Bytes less{dirty.count > 4096 ? random() % dirty.count : 0};
            const auto next = policy.at_tick(with(true, less)).value_or(turn);
            CHECK(next >= turn);
            CHECK(next <= most);
            turn = next;
            dirty = less;
        }
        CHECK(turn == most);
    }
}
