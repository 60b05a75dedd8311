// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include "orchestrator/policy_copy.h"

using namespace vmigrate;

namespace {

Sample at(int seconds, Bytes remaining) {
    Sample sample;
    sample.at = TimePoint(milliseconds(seconds * 1000));
    sample.disk_remaining = remaining;
    return sample;
}

bool gives_up(const Decision& decision) {
    return std::holds_alternative<GiveUp>(decision);
}

}  // namespace

TEST_CASE("a copy that gets on may take as long as it likes") {
    CopyPolicy policy(milliseconds(10'000));
    for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(gives_up(policy.at_tick(at(i * 9, mebibytes(1000 - i)))));
    }
}

TEST_CASE("one that gets no nearer is given up at the timeout, however much it goes up and down") {
    CopyPolicy policy(milliseconds(10'000));
    CHECK_FALSE(gives_up(policy.at_tick(at(0, mebibytes(900)))));
    CHECK_FALSE(gives_up(policy.at_tick(at(5, mebibytes(30)))));
    CHECK_FALSE(gives_up(policy.at_tick(at(9, mebibytes(80)))));
    CHECK_FALSE(gives_up(policy.at_tick(at(14, mebibytes(30)))));
    CHECK(gives_up(policy.at_tick(at(15, mebibytes(31)))));
}

TEST_CASE("another timeout counts from the same moment; none is for ever") {
    CopyPolicy policy(milliseconds(0));
    CHECK_FALSE(gives_up(policy.at_tick(at(0, mebibytes(30)))));
    CHECK_FALSE(gives_up(policy.at_tick(at(100'000, mebibytes(30)))));
    policy.change(milliseconds(200'000'000));
    CHECK_FALSE(gives_up(policy.at_tick(at(100'001, mebibytes(30)))));
    policy.change(milliseconds(1'000));
    CHECK(gives_up(policy.at_tick(at(100'002, mebibytes(30)))));
}

TEST_CASE("without disks there is nothing to give up, and a second copy begins anew") {
    CopyPolicy policy(milliseconds(10'000));
    CHECK_FALSE(gives_up(policy.at_tick(at(0, mebibytes(30)))));
    CHECK_FALSE(gives_up(policy.at_tick(at(60, {}))));
    CHECK_FALSE(gives_up(policy.at_tick(at(61, mebibytes(40)))));
    CHECK_FALSE(gives_up(policy.at_tick(at(70, mebibytes(40)))));
    CHECK(gives_up(policy.at_tick(at(71, mebibytes(40)))));
}
