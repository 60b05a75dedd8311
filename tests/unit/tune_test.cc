// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/tune.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "orchestrator/policy_live.h"
#include "orchestrator/policy_throttle.h"

using namespace vmigrate;

namespace {

Sample boundary(std::uint32_t iteration, Bytes remaining) {
    Sample sample;
    sample.at = TimePoint(seconds(iteration));
    sample.iteration = iteration;
    sample.memory_total = gibibytes(1);
    sample.memory_remaining = remaining;
    sample.bandwidth = {100 << 20};
    sample.dirty_rate = {100 << 20};
    return sample;
}

}  // namespace

TEST_CASE("every key that can be tuned is a key") {
    for (const auto key : tunable_keys()) {
        CAPTURE(key);
        CHECK(std::ranges::any_of(option_keys(),
                                  [key](const OptionKey& known) { return known.key == key; }));
    }
}

TEST_CASE("settings are checked as in the configuration") {
    CHECK(parse_setting("bandwidth=5MiB/s")->key == "bandwidth");
    CHECK(parse_setting("bandwidth=5MiB/s")->value == "5MiB/s");
    const auto refused = [](const char* text, const char* why) {
        const auto setting = parse_setting(text);
        REQUIRE(!setting);
        CHECK(setting.error().kind == ErrorKind::usage);
        CHECK_MESSAGE(setting.error().message.find(why) != std::string::npos,
                      setting.error().message);
    };
    refused("bandwidth", "write KEY=VALUE");
    refused("bandwith=1MiB/s", "did you mean 'bandwidth'?");
    refused("bandwidth=fast", "bandwidth: ");
    refused("storage=copy", "what can: bandwidth, ");
    refused("=1", "unknown key");
}

TEST_CASE("what would contradict what is in force changes nothing") {
    Options now;
    CHECK(tuned(now, {{"timeout", "5m"}, {"bandwidth", "1MiB/s"}})->timeout ==
          std::chrono::minutes(5));
    CHECK(!tuned(now, {{"timeout-action", "postcopy"}}));
    now.postcopy = true;
    CHECK(tuned(now, {{"timeout-action", "postcopy"}}));
    CHECK(!tuned(now, {{"blackout-ceiling", "10ms"}}));
    CHECK(tuned(now, {{"auto-converge", "off"}}));
    CHECK(!tuned(now, {{"auto-converge", "on"}}));
    CHECK(!tuned(now, {{"verify-ram", "yes"}}));
}

TEST_CASE("the live policy goes on with other options") {
    Options options;
    LivePolicy policy(options, {});
    for (std::uint32_t i = 0; i < 8; ++i) {
        (void)policy.at_iteration(boundary(i, mebibytes(400)));
    }
    CHECK(policy.limit() == milliseconds(950));
    options.timeout = seconds(10);
    policy.change(options, ThrottleMeans::none);
    CHECK(policy.limit() == milliseconds(950));  // another key leaves it alone
    options.blackout_ceiling = milliseconds(500);
    policy.change(options, ThrottleMeans::none);
    CHECK(policy.limit() == milliseconds(450));
    options.downtime_limit = milliseconds(100);
    policy.change(options, ThrottleMeans::none);
    CHECK(policy.limit() == milliseconds(100));
    // a last resort that was taken is taken again, as it is now
    CHECK(std::holds_alternative<GiveUp>(policy.at_tick(boundary(8, mebibytes(400)), seconds(11))));
    options.timeout_action = TimeoutAction::force;
    policy.change(options, ThrottleMeans::none);
    CHECK(std::holds_alternative<ForceSwitchover>(
        policy.at_tick(boundary(8, mebibytes(400)), seconds(11))));
}

TEST_CASE("a throttle that is turned off, or was not taken, is not in force") {
    Options options;
    ThrottlePolicy policy(options, ThrottleMeans::value, milliseconds(950));
    const auto raise = [&policy](std::uint32_t from) {
        const auto first = policy.at_iteration(boundary(from, mebibytes(400)));
        const auto second = policy.at_iteration(boundary(from + 1, mebibytes(400)));
        return first.kind == ThrottleDecision::Kind::set ? first : second;
    };
    REQUIRE(raise(1).kind == ThrottleDecision::Kind::set);
    policy.not_taken();
    CHECK(policy.percent() == 0);
    CHECK(policy.at_tick(boundary(60, mebibytes(400))).kind == ThrottleDecision::Kind::none);
    REQUIRE(raise(61).kind == ThrottleDecision::Kind::set);
    policy.change(options, ThrottleMeans::none, milliseconds(950));
    CHECK(policy.percent() == 0);
    CHECK(raise(63).kind == ThrottleDecision::Kind::none);
}
