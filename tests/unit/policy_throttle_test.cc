// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <random>

#include "orchestrator/policy_throttle.h"

using namespace vmigrate;
using Kind = ThrottleDecision::Kind;

namespace {

constexpr milliseconds kLongestPause{950};
constexpr BytesPerSecond kBandwidth{100 << 20};

Sample at(milliseconds time, std::uint32_t iteration, Bytes remaining,
          BytesPerSecond dirty_rate = {150 << 20}) {
    Sample sample;
    sample.at = TimePoint{} + time;
    sample.iteration = iteration;
    sample.memory_total = gibibytes(8);
    sample.memory_remaining = remaining;
    sample.bandwidth = kBandwidth;
    sample.dirty_rate = dirty_rate;
    return sample;
}

/// A policy for which the second iteration left `remaining`, as the first did.
ThrottlePolicy stalled_at(Bytes remaining, ThrottleDecision& decision,
                          ThrottleMeans means = ThrottleMeans::value) {
    ThrottlePolicy policy({}, means, kLongestPause);
    CHECK(policy.at_iteration(at(milliseconds(0), 1, remaining)).kind == Kind::none);
    decision = policy.at_iteration(at(seconds(1), 2, remaining * 0.96));
    return policy;
}

}  // namespace

TEST_CASE("a guest that converges is not throttled") {
    ThrottlePolicy policy({}, ThrottleMeans::value, kLongestPause);
    for (std::uint32_t i = 0; i < 8; ++i) {
        CHECK(policy.at_iteration(at(seconds(i), i, mebibytes(4096U >> i))).kind == Kind::none);
        CHECK(policy.at_tick(at(seconds(i), i, mebibytes(100))).kind == Kind::none);
    }
    CHECK(policy.percent() == 0);
}

TEST_CASE("the full copy tells nothing about convergence") {
    ThrottlePolicy policy({}, ThrottleMeans::value, kLongestPause);
    CHECK(policy.at_iteration(at(seconds(0), 0, mebibytes(400))).kind == Kind::none);
    CHECK(policy.at_iteration(at(seconds(4), 1, mebibytes(400))).kind == Kind::none);
    CHECK(policy.at_iteration(at(seconds(8), 2, mebibytes(400))).kind == Kind::set);
}

TEST_CASE("hot memory that waits does not get less, which is no stall") {
    ThrottlePolicy policy({}, ThrottleMeans::value, kLongestPause);
    const auto waiting = [](std::uint32_t iteration, std::uint64_t rest) {
        auto sample = at(seconds(iteration), iteration, mebibytes(1000 + rest));
        sample.delayed = DelayedMemory{true, iteration, mebibytes(1000), mebibytes(1000), {}};
        return sample;
    };
    CHECK(policy.at_iteration(waiting(1, 400)).kind == Kind::none);
    CHECK(policy.at_iteration(waiting(2, 300)).kind == Kind::none);
    CHECK(policy.at_iteration(waiting(3, 200)).kind == Kind::none);
    CHECK(policy.at_iteration(at(seconds(4), 4, mebibytes(400))).kind == Kind::set);  // its turn
    ThrottlePolicy other({}, ThrottleMeans::value, kLongestPause);
    CHECK(other.at_iteration(waiting(1, 400)).kind == Kind::none);
    CHECK(other.at_iteration(waiting(2, 400)).kind == Kind::set);
}

TEST_CASE("what fits under the ceiling needs no throttle") {
    ThrottleDecision decision;
    (void)stalled_at(mebibytes(95), decision);
    CHECK(decision.kind == Kind::none);
    (void)stalled_at(mebibytes(105), decision);
    CHECK(decision.kind == Kind::set);
}

TEST_CASE("little left: 90 %, then 99 %, each held, then no more") {
    ThrottleDecision decision;
    auto policy = stalled_at(mebibytes(400), decision);
    CHECK(decision.kind == Kind::set);
    CHECK(decision.percent == 90);
    CHECK(policy.at_tick(at(milliseconds(3999), 2, mebibytes(300))).kind == Kind::renew);
    decision = policy.at_tick(at(milliseconds(4000), 2, mebibytes(300)));
    CHECK(decision.kind == Kind::set);
    CHECK(decision.percent == 99);
    CHECK(policy.at_iteration(at(milliseconds(5000), 3, mebibytes(300))).kind == Kind::none);
    CHECK(policy.at_tick(at(milliseconds(6999), 3, mebibytes(300))).kind == Kind::renew);
    CHECK(policy.at_tick(at(milliseconds(7000), 3, mebibytes(300))).kind == Kind::exhausted);
    CHECK(policy.exhausted());
    CHECK(policy.at_tick(at(milliseconds(9000), 3, mebibytes(300))).kind == Kind::none);
    CHECK(policy.at_iteration(at(milliseconds(9000), 4, mebibytes(300))).kind == Kind::none);
}

TEST_CASE("what only has to be sent is waited for, a second longer") {
    ThrottleDecision decision;
    auto policy = stalled_at(mebibytes(400), decision);
    CHECK(policy.at_tick(at(milliseconds(4000), 2, mebibytes(300))).percent == 99);
    // 195 MiB take 1950 ms: 950 ms fit into the pause, 1000 ms do not
    CHECK(policy.at_tick(at(milliseconds(7000), 3, mebibytes(195))).kind == Kind::renew);
    CHECK(policy.at_tick(at(milliseconds(7999), 3, mebibytes(150))).kind == Kind::none);
    CHECK(policy.at_tick(at(milliseconds(8000), 3, mebibytes(120))).kind == Kind::exhausted);

    policy = stalled_at(mebibytes(400), decision);
    CHECK(policy.at_tick(at(milliseconds(4000), 2, mebibytes(300))).percent == 99);
    CHECK(policy.at_tick(at(milliseconds(7000), 3, mebibytes(196))).kind == Kind::exhausted);
}

TEST_CASE("much left: in stages, to a fifth of the bandwidth, never looser") {
    ThrottleDecision decision;
    auto policy = stalled_at(mebibytes(2000), decision);
    CHECK(decision.kind == Kind::set);
    CHECK(decision.percent == 87);  // 1 - 0.2 * 100 / 150
    // it dirties more than hoped for: on from the share that it has
    decision = policy.at_iteration(at(seconds(10), 3, mebibytes(1500), {40 << 20}));
    CHECK(decision.percent == 94);  // 1 - 0.13 * 0.2 * 100 / 40
    // less than hoped for: no looser
    CHECK(policy.at_iteration(at(seconds(20), 4, mebibytes(900), {1 << 20})).kind == Kind::none);
    CHECK(policy.percent() == 94);
    // nothing is known: as it is
    CHECK(policy.at_iteration(at(seconds(21), 5, mebibytes(900), {})).kind == Kind::none);
}

TEST_CASE("direct within 0: always in stages") {
    Options options;
    options.throttle_direct_within = milliseconds(0);
    ThrottlePolicy policy(options, ThrottleMeans::value, kLongestPause);
    (void)policy.at_iteration(at(seconds(0), 1, mebibytes(400)));
    CHECK(policy.at_iteration(at(seconds(1), 2, mebibytes(400))).percent == 87);
}

TEST_CASE("with auto-converge the time runs from when QEMU has taken the value") {
    ThrottleDecision decision;
    auto policy = stalled_at(mebibytes(400), decision, ThrottleMeans::auto_converge);
    CHECK(decision.percent == 90);
    auto sample = at(seconds(10), 2, mebibytes(400));
    sample.throttle_percent = 1;
    CHECK(policy.at_tick(sample).kind == Kind::none);
    sample.throttle_percent = 90;
    CHECK(policy.at_tick(sample).kind == Kind::none);
    sample.at += seconds(3);
    CHECK(policy.at_tick(sample).percent == 99);
    // its iterations take longer then, so more of them are waited for
    sample.throttle_percent = 99;
    CHECK(policy.at_tick(sample).kind == Kind::none);
    sample.at += milliseconds(8999);
    CHECK(policy.at_tick(sample).kind == Kind::none);
    sample.at += milliseconds(1);
    CHECK(policy.at_tick(sample).kind == Kind::exhausted);
}

TEST_CASE("without means nothing is asked for") {
    ThrottleDecision decision;
    auto policy = stalled_at(mebibytes(400), decision, ThrottleMeans::none);
    CHECK(decision.kind == Kind::none);
    CHECK(policy.percent() == 0);
}

TEST_CASE("random courses: within bounds, never looser, and it ends") {
    std::mt19937 random(2);
    for (int round = 0; round < 500; ++round) {
        ThrottlePolicy policy({}, ThrottleMeans::value, kLongestPause);
        unsigned percent = 0;
        milliseconds now{0};
        milliseconds told{0};
        for (std::uint32_t i = 0; i < 200 && !policy.exhausted(); ++i) {
            now += milliseconds(random() % 1000);
            const auto sample =
                at(now, i / 4, {random() % gibibytes(8).count}, {random() % (400U << 20U)});
            const auto decision = i % 4 == 0 ? policy.at_iteration(sample) : policy.at_tick(sample);
            CHECK(policy.percent() >= percent);
            CHECK(policy.percent() <= 99);
            if (decision.kind == Kind::set) {
                CHECK(decision.percent > percent);
                CHECK(!decision.reason.empty());
            }
            if (decision.kind == Kind::set || decision.kind == Kind::renew) {
                told = now;
            } else if (percent > 0 && i % 4 != 0 && !policy.exhausted()) {
                CHECK(now - told < milliseconds(1500));  // QEMU lets go after five seconds
            }
            percent = policy.percent();
        }
    }
}
