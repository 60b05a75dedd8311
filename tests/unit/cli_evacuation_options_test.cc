// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include "cli/evacuation_options.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::cli;
using history::EvacuationKind;

TEST_CASE("what was asked for comes back from the history as it was") {
    EvacuationOptions options;
    options.kind = EvacuationKind::restore;
    options.host = "a";
    options.to = {"b", "c"};
    options.labels = {{"rack", "3"}, {"zone", "x=y"}};
    options.homes = {{"u1", "a"}, {"u2", "a"}};
    options.policy = "night";
    options.max_parallel = 7;
    options.bandwidth = {123456};
    options.deadline = std::chrono::hours(2);
    options.order = fleet::Order::priority;
    options.attempts = 9;
    options.first_pause = milliseconds(77);
    options.stop_unmovable = true;
    options.shutdown = seconds(3);
    CHECK(evacuation_options_from_json(line(to_json(options))).value() == options);
    CHECK(evacuation_options_from_json(line(to_json(EvacuationOptions{}))).value() ==
          EvacuationOptions{});

    for (const auto* text : {"", "[]", "{}", R"({"kind":"evacuate","host":3})"}) {
        const auto damaged = evacuation_options_from_json(text);
        REQUIRE(!damaged);
        CHECK(damaged.error().kind == ErrorKind::storage);
    }
    auto unknown_order = to_json(options);
    unknown_order["order"] = "big-first";
    CHECK(!evacuation_options_from_json(line(unknown_order)));
}

TEST_CASE("the rules of an evacuation empty its host, those of a restoration fill it") {
    EvacuationOptions options;
    options.host = "a";
    options.bandwidth = {5};
    options.deadline = seconds(9);
    auto rules = rules_of(options);
    CHECK(rules.hosts == std::set<std::string>{"a"});
    CHECK(rules.bandwidth == BytesPerSecond{5});
    CHECK(rules.deadline == seconds(9));
    options.kind = EvacuationKind::restore;
    options.homes = {{"u", "a"}};
    rules = rules_of(options);
    CHECK(rules.hosts.empty());
    CHECK(rules.homes == options.homes);
}

TEST_CASE("the configuration says what nobody asked for") {
    Config config;
    config.fleet.evacuation = {3, {10}, "idle-first", 2, seconds(1), seconds(2)};
    const auto options = default_options(config);
    CHECK(options.max_parallel == 3);
    CHECK(options.bandwidth == BytesPerSecond{10});
    CHECK(options.order == fleet::Order::idle_first);
    CHECK(options.attempts == 2);
    CHECK(options.first_pause == seconds(1));
    CHECK(options.shutdown == seconds(2));
}

TEST_CASE("a label has a key") {
    CHECK(parse_label("rack=3").value() == std::pair<std::string, std::string>("rack", "3"));
    CHECK(parse_label("zone=").value().second.empty());
    CHECK(!parse_label("rack"));
    CHECK(!parse_label("=3"));
}
