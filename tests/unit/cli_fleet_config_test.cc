// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include "cli/config.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

using Names = std::set<std::string>;

/// The only line of complaint about `text`.
std::string error_of(const std::string& text) {
    const auto config = parse_config(text, "x.toml");
    REQUIRE(!config);
    REQUIRE(config.error().size() == 1);
    return config.error().front();
}

}  // namespace

TEST_CASE("limits, groups, priorities and defaults of an evacuation are read") {
    const auto config = parse_config(R"(
[hosts.a]
uri = "test:///a"
migrations-out = 3

[guests]
priority = { "db*" = 10, "db-test*" = 20, "lab*" = -5 }

[groups.front]
guests = ["web[12]", "proxy"]
rule = "apart"

[groups.shop]
guests = ["*-shop"]
rule = "together"

[evacuation]
max-parallel = 4
total-bandwidth = "1Gb/s"
order = "priority"
attempts = 1
first-pause = "500ms"
shutdown-limit = "1m"
)",
                                     "x.toml");
    REQUIRE(config);
    const auto& fleet = config->fleet;
    CHECK(fleet.limits_of("a") == MoveLimits{3, 2});
    CHECK(fleet.limits_of("elsewhere") == MoveLimits{1, 2});
    CHECK(fleet.priority_of("db1") == 10);
    CHECK(fleet.priority_of("db-test1") == 20);
    CHECK(fleet.priority_of("lab7") == -5);
    CHECK(fleet.priority_of("web1") == 0);
    CHECK(fleet.groups_of("web1") == Names{"front"});
    CHECK(fleet.groups_of("web3") == Names{});
    CHECK(fleet.groups_of("proxy") == Names{"front"});
    CHECK(fleet.groups_of("db-shop") == Names{"shop"});
    CHECK(fleet.groups.at("front").rule == GuestGroup::Rule::apart);
    CHECK(fleet.groups.at("shop").rule == GuestGroup::Rule::together);
    CHECK(fleet.evacuation ==
          EvacuationConfig{4, {125'000'000}, "priority", 1, milliseconds(500), seconds(60)});
}

TEST_CASE("what is wrong with them is said with the line") {
    CHECK(error_of("[hosts.a]\nuri = \"test:///a\"\nmigrations-in = 0") ==
          "x.toml:3: migrations-in must be a whole number from 1 to 1000");
    CHECK(error_of("[guests]\npriority = 3") ==
          "x.toml:2: priority must be a table of numbers, as in priority = { \"db*\" = 10 }");
    CHECK(error_of("[guests]\npriority = { \"db*\" = \"high\" }") ==
          "x.toml:2: priority of 'db*' must be a whole number from -1000000 to 1000000");
    CHECK(error_of("[guests]\nprio = 1") ==
          "x.toml:2: unknown key 'prio' in [guests]; known: priority");
    CHECK(error_of("[groups]\nweb = 1") ==
          "x.toml:2: 'web' in [groups] must be a table: write [groups.NAME] with guests = "
          "[\"...\"] and rule = \"apart\" below it");
    CHECK(error_of("[groups.web]\nguests = []\nrule = \"apart\"") ==
          "x.toml:2: guests must be a list of names, as in guests = [\"web*\"]");
    CHECK(error_of("[groups.web]\nguests = [\"web*\"]") == "x.toml:1: [groups.web] has no rule");
    CHECK(error_of("[groups.web]\nguests = [\"web*\"]\nrule = \"alone\"") ==
          "x.toml:3: rule must be one of \"apart\", \"together\"");
    CHECK(error_of("[evacuation]\norder = \"big-first\"") ==
          "x.toml:2: order must be one of \"small-first\", \"idle-first\", \"priority\"");
    CHECK(error_of("[evacuation]\nfirst-pause = 5") ==
          "x.toml:2: first-pause must be a time in quotes, as in \"5s\"");
    CHECK(error_of("[evacuation]\ntotal-bandwidth = \"fast\"") ==
          "x.toml:2: total-bandwidth must be a rate in quotes, as in \"100MiB/s\"");
    CHECK(error_of("[evacuation]\nmax-paralel = 2") ==
          "x.toml:2: unknown key 'max-paralel' in [evacuation]; did you mean 'max-parallel'?");
}
