// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <random>

#include "orchestrator/policy_live.h"

using namespace vmigrate;

namespace {

Sample at(std::uint32_t iteration, Bytes remaining, BytesPerSecond bandwidth = {100 << 20}) {
    Sample sample;
    sample.job = JobState::active;
    sample.iteration = iteration;
    sample.memory_total = gibibytes(1);
    sample.memory_remaining = remaining;
    sample.bandwidth = bandwidth;
    return sample;
}

}  // namespace

TEST_CASE("a guest that converges is left alone") {
    LivePolicy policy({}, {});
    CHECK(std::holds_alternative<KeepGoing>(policy.at_iteration(at(0, gibibytes(1)))));
    for (std::uint32_t i = 1; i < 8; ++i) {
        const auto decision = policy.at_iteration(at(i, mebibytes(512U >> i)));
        CHECK(std::holds_alternative<KeepGoing>(decision));
    }
    CHECK(policy.limit() == milliseconds(300));
}

TEST_CASE("random courses: the limit only rises and never passes the ceiling less the reserve") {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        Options options;
        options.max_iterations = 2 + static_cast<unsigned>(random() % 40);
        LivePolicy policy(options, {});
        const auto most = options.blackout_ceiling - options.switchover_reserve;
        auto limit = policy.limit();
        for (std::uint32_t i = 0; i < 60; ++i) {
            const auto decision = policy.at_iteration(
                at(i, {random() % gibibytes(1).count}, {1 + random() % (200U << 20U)}));
            CHECK(policy.limit() >= limit);
            CHECK(policy.limit() <= most);
            limit = policy.limit();
            if (std::holds_alternative<GiveUp>(decision)) {
                CHECK(i >= options.max_iterations);
                break;
            }
            CHECK(!std::holds_alternative<ForceSwitchover>(decision));
            CHECK(!std::holds_alternative<StartPostcopy>(decision));
        }
    }
}

TEST_CASE("after max-iterations what fits under the ceiling is let go") {
    Options options;
    options.max_iterations = 3;
    options.early_exit_percent = 0;
    LivePolicy policy(options, {});
    for (std::uint32_t i = 0; i < 3; ++i) {
        (void)policy.at_iteration(at(i, mebibytes(70)));
    }
    const auto decision = policy.at_iteration(at(3, mebibytes(70)));
    REQUIRE(std::holds_alternative<SetDowntimeLimit>(decision));
    CHECK(std::get<SetDowntimeLimit>(decision).limit == milliseconds(950));
}

TEST_CASE("the last resort is what the options say, and is taken once") {
    const auto resort = [](TimeoutAction action) {
        Options options;
        options.timeout = seconds(10);
        options.timeout_action = action;
        options.postcopy = true;
        LivePolicy policy(options, {100 << 20});
        const auto sample = at(1, gibibytes(1));
        CHECK(std::holds_alternative<KeepGoing>(policy.at_tick(sample, seconds(9))));
        auto decision = policy.at_tick(sample, seconds(10));
        CHECK(std::holds_alternative<KeepGoing>(policy.at_tick(sample, seconds(20))));
        return decision;
    };
    CHECK(std::holds_alternative<GiveUp>(resort(TimeoutAction::abort)));
    CHECK(std::holds_alternative<StartPostcopy>(resort(TimeoutAction::postcopy)));
    const auto forced = resort(TimeoutAction::force);
    REQUIRE(std::holds_alternative<ForceSwitchover>(forced));
    CHECK(std::get<ForceSwitchover>(forced).predicted >= seconds(10));
    CHECK(std::get<ForceSwitchover>(forced).limit >= std::get<ForceSwitchover>(forced).predicted);
}

TEST_CASE("a guest that goes up and down is let go at its least") {
    LivePolicy policy({}, {});
    (void)policy.at_iteration(at(0, gibibytes(1)));
    (void)policy.at_iteration(at(1, mebibytes(80)));
    CHECK(std::holds_alternative<KeepGoing>(policy.at_iteration(at(2, mebibytes(40)))));
    // 80 MiB would fit, too; 40 MiB come again
    const auto decision = policy.at_iteration(at(3, mebibytes(78)));
    REQUIRE(std::holds_alternative<SetDowntimeLimit>(decision));
    CHECK(std::get<SetDowntimeLimit>(decision).limit == milliseconds(480));
    CHECK(std::get<SetDowntimeLimit>(decision).reason.find("at the least of the last ones") !=
          std::string::npos);
}

TEST_CASE("a least that does not come again is forgotten") {
    LivePolicy policy({}, {});
    (void)policy.at_iteration(at(1, mebibytes(40)));
    for (std::uint32_t i = 2; i < 6; ++i) {
        (void)policy.at_iteration(at(i, mebibytes(78)));
    }
    CHECK(policy.limit() >= milliseconds(936));
}

TEST_CASE(
    "the ceiling is exceeded only when asked, at the least, and when nothing falls any more") {
    Options options;
    LivePolicy keeps(options, {});
    options.ceiling_action = CeilingAction::exceed;
    LivePolicy exceeds(options, {});
    LivePolicy throttles(options, {}, ThrottleMeans::value);
    const unsigned course[] = {400, 300, 290, 280, 400, 270, 400};
    std::uint32_t iteration = 1;
    std::optional<ForceSwitchover> forced;
    for (const auto left : course) {
        const auto sample = at(iteration++, mebibytes(left));
        (void)keeps.at_iteration(sample);
        (void)throttles.at_iteration(sample);
        const auto decision = exceeds.at_iteration(sample);
        if (const auto* force = std::get_if<ForceSwitchover>(&decision)) {
            CHECK(iteration - 1 == 5);  // before, the least of four was still getting less
            forced = *force;
        }
    }
    REQUIRE(forced);
    CHECK(forced->predicted == milliseconds(2850));
    CHECK(forced->limit == milliseconds(3360));
    CHECK(keeps.limit() <= milliseconds(950));
    CHECK(throttles.limit() <= milliseconds(950));
    CHECK(std::holds_alternative<ForceSwitchover>(
        throttles.when_exhausted(at(iteration, mebibytes(400)), "99 % did not help")));
}

TEST_CASE("post-copy begins when it just ends within the timeout, after the full copy") {
    Options options;
    options.timeout = seconds(20);
    options.timeout_action = TimeoutAction::postcopy;
    options.postcopy = true;
    LivePolicy policy(options, {100 << 20});
    const auto sample = [](std::uint32_t iteration, int at_second) {
        auto made = at(iteration, mebibytes(500));  // 5 s, 6 s with the margin
        made.at = TimePoint(seconds(at_second));
        return made;
    };
    (void)policy.at_iteration(sample(0, 0));
    CHECK(std::holds_alternative<KeepGoing>(policy.at_tick(sample(0, 15), seconds(15))));
    (void)policy.at_iteration(sample(1, 16));
    CHECK(std::holds_alternative<KeepGoing>(policy.at_tick(sample(1, 13), seconds(13))));
    CHECK(std::holds_alternative<StartPostcopy>(policy.at_tick(sample(1, 14), seconds(14))));
    CHECK(std::holds_alternative<KeepGoing>(policy.at_tick(sample(1, 15), seconds(15))));
}

TEST_CASE("post-copy waits for a network that dropped, and says so once") {
    Options options;
    options.timeout = seconds(20);
    options.timeout_action = TimeoutAction::postcopy;
    options.postcopy = true;
    LivePolicy policy(options, {100 << 20});
    const auto reading = [](int at_second, std::uint64_t mib_per_s) {
        auto made = at(1, mebibytes(500), {mib_per_s << 20U});
        made.at = TimePoint(seconds(at_second));
        return made;
    };
    for (int s = 0; s < 10; ++s) {
        (void)policy.at_tick(reading(s, 100), milliseconds(1));
    }
    (void)policy.at_tick(reading(10, 8), milliseconds(1));
    (void)policy.at_tick(reading(11, 8), milliseconds(1));
    CHECK(std::holds_alternative<PostponePostcopy>(policy.at_tick(reading(12, 8), seconds(21))));
    CHECK(std::holds_alternative<KeepGoing>(policy.at_tick(reading(13, 8), seconds(22))));
    (void)policy.at_tick(reading(14, 90), seconds(23));
    CHECK(std::holds_alternative<StartPostcopy>(policy.at_tick(reading(15, 90), seconds(24))));
}
