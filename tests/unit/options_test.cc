// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <set>

#include "orchestrator/options.h"

using namespace vmigrate;

TEST_CASE("every key gives back what was set, and says what it is") {
    std::set<std::string_view> seen;
    for (const auto& key : option_keys()) {
        CAPTURE(key.key);
        CHECK(seen.insert(key.key).second);
        Options options;
        const auto value = key.get(options);
        REQUIRE(key.set(options, value));
        CHECK(key.get(options) == value);
        CHECK(!key.summary.empty());
        CHECK(!key.when_to_change.empty());
        CHECK(!key.cost.empty());
        CHECK(!key.set(options, "absurd value"));
        CHECK(key.get(options) == value);
    }
}

TEST_CASE("the defaults do not contradict each other") {
    CHECK(validate(Options{}));
}

TEST_CASE("an unknown key names the nearest one") {
    Options options;
    const auto set = set_option(options, "bandwith", "1MiB/s");
    REQUIRE(!set);
    CHECK(set.error().message == "unknown key 'bandwith'; did you mean 'bandwidth'?");
}

TEST_CASE("out of range and negative values are refused") {
    Options options;
    for (const auto& [key, value] : {std::pair{"bandwidth-share", "101"},
                                     {"bandwidth-share", "0"},
                                     {"max-iterations", "-1"},
                                     {"bandwidth", "-5MiB/s"},
                                     {"downtime-limit", "300"},
                                     {"parallel-connections", "256"},
                                     {"early-exit", "ten"},
                                     {"postcopy", "perhaps"},
                                     {"compression", "zip"},
                                     {"lz4-acceleration", "0"},
                                     {"lz4-acceleration", "65538"},
                                     {"bypass-compression", "2"},
                                     {"ram-save-max-wait", "50"},
                                     {"ram-delay-save-percent", "91"},
                                     {"mig-block-size", "65536"},
                                     {"mig-block-size", "2MiB"},
                                     {"mig-block-size", "5KiB"},
                                     {"verify-ram", "perhaps"},
                                     {"transport", "pigeon"}}) {
        CAPTURE(key);
        const auto set = set_option(options, key, value);
        REQUIRE(!set);
        CHECK(set.error().kind == ErrorKind::usage);
        CHECK(set.error().message.starts_with(key));
    }
}

TEST_CASE("what somebody set is told from the defaults") {
    Options options;
    CHECK(options.asked.empty());
    REQUIRE(set_option(options, "verify-ram", "no"));
    CHECK(!set_option(options, "lz4-acceleration", "0"));
    CHECK(options.asked == std::set<std::string>{"verify-ram"});
}

TEST_CASE("contradictions are named") {
    const auto refused = [](std::initializer_list<std::pair<const char*, const char*>> settings) {
        Options options;
        for (const auto& [key, value] : settings) {
            REQUIRE(set_option(options, key, value));
        }
        return !validate(options);
    };
    CHECK(refused({{"blackout-ceiling", "40ms"}}));
    CHECK(refused({{"downtime-limit", "0ms"}}));
    CHECK(refused({{"timeout-action", "postcopy"}}));
    CHECK(refused({{"timeout-action", "force"}, {"ceiling-action", "keep"}}));
    CHECK(!refused({{"timeout-action", "force"}}));
    CHECK(!refused({{"timeout-action", "force"}, {"ceiling-action", "exceed"}}));
    CHECK(refused(
        {{"timeout-action", "postcopy"}, {"postcopy", "yes"}, {"ceiling-action", "exceed"}}));
    CHECK(!refused({{"timeout-action", "postcopy"}, {"postcopy", "yes"}}));
    CHECK(refused({{"transport", "tunnelled"}, {"storage", "copy"}}));
    CHECK(refused({{"transport", "tunnelled"}, {"tls", "yes"}}));
    CHECK(refused({{"transport", "tunnelled"}, {"peer-to-peer", "no"}}));
    CHECK(refused({{"transport", "tunnelled"}, {"parallel-connections", "2"}}));
    CHECK(refused({{"parallel-connections", "2"}, {"compression", "mt"}}));
    CHECK(!refused({{"parallel-connections", "2"}, {"compression", "lz4"}}));
    CHECK(!refused({{"parallel-connections", "2"}, {"compression", "auto"}}));
    CHECK(!refused({{"transport", "tunnelled"}, {"compression", "lz4"}}));
    CHECK(refused({{"transport", "tunnelled"}, {"verify-ram", "yes"}}));
    CHECK(refused({{"postcopy", "yes"}, {"verify-ram", "yes"}}));
    CHECK(refused({{"postcopy", "yes"}, {"verify-disks", "yes"}}));
    CHECK(refused({{"postcopy", "yes"}, {"storage", "copy-in-stream"}}));
    CHECK(refused({{"postcopy", "yes"}, {"parallel-connections", "2"}}));
    CHECK(!refused({{"postcopy", "no"}, {"parallel-connections", "2"}}));
    CHECK(!refused({{"transport", "tunnelled"}, {"storage", "copy-in-stream"}}));
    CHECK(refused({{"ram-save-max-wait", "1025ms"}}));
    CHECK(!refused({{"ram-save-max-wait", "0"}}));
    CHECK(refused({{"sample-interval", "1ms"}}));
}
