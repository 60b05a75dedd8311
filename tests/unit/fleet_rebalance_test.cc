// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet
// LABELS: unit
#include <doctest/doctest.h>

#include "fleet/rebalance.h"
#include "fleet_fixture.h"

using namespace vmigrate;
using namespace vmigrate::fleet;
using namespace vmigrate::fleet::test;

namespace {

std::string words_of(const Rebalance& balance) {
    std::string words;
    for (const auto& move : balance.moves) {
        words += fmt::format("{} from {} to {}\n", move.name, move.from, move.to);
    }
    return words;
}

/// h1 is full, h2 empty.
Fleet lopsided() {
    return {{host("h1", 16, 0), host("h2", 16, 16)},
            {guest("a", "h1", 8), guest("b", "h1", 4), guest("c", "h1", 4)},
            {}};
}

}  // namespace

TEST_CASE("as few moves as possible") {
    const auto balance = rebalance(lopsided());
    CHECK(words_of(balance) == "a from h1 to h2\n");
    CHECK(balance.imbalance_before == doctest::Approx(50));
    CHECK(balance.imbalance_after == doctest::Approx(0));
    CHECK(balance.moves[0].effect ==
          "h1: memory 100 % to 50 %, CPU 0 % to 0 %; h2: memory 0 % to 50 %, CPU 0 % to 0 %");
    CHECK(balance.moves[0].expected > milliseconds(60'000));
}

TEST_CASE("not those that cannot, must not or have to stay together") {
    auto fleet = lopsided();
    fleet.guests[0].unmovable = "a device";
    CHECK(words_of(rebalance(fleet)) == "b from h1 to h2\nc from h1 to h2\n");
    fleet.guests[1].needs = {"bridge br0"};
    CHECK(words_of(rebalance(fleet)) == "c from h1 to h2\n");
    fleet.groups = {{"db", {Group::Rule::together}}, {"web", {Group::Rule::apart}}};
    fleet.guests[2].groups = {"db"};
    CHECK(words_of(rebalance(fleet)).empty());
    fleet.guests[2].groups = {"web"};
    fleet.guests.push_back(guest("w", "h2", 1));
    fleet.guests.back().groups = {"web"};
    CHECK(words_of(rebalance(fleet)).empty());
}

TEST_CASE("not to a host that is closed") {
    auto fleet = lopsided();
    fleet.hosts[1].closed = "does not answer";
    CHECK(words_of(rebalance(fleet)).empty());
}

TEST_CASE("processors count, too") {
    Fleet fleet{
        {host("h1", 16, 8), host("h2", 16, 8)}, {guest("a", "h1", 1), guest("b", "h1", 1)}, {}};
    fleet.hosts[0].cpus = fleet.hosts[1].cpus = 8;
    fleet.hosts[0].busy_cpus = 7;
    fleet.hosts[1].busy_cpus = 1;
    fleet.guests[0].busy_cpus = 3;
    fleet.guests[1].busy_cpus = 0.5;
    CHECK(words_of(rebalance(fleet)) == "a from h1 to h2\n");
}

TEST_CASE("what is nearly even is left alone, and so is what would gain little") {
    CHECK(
        words_of(rebalance({{host("h1", 100, 50), host("h2", 100, 52)}, {guest("a", "h1", 1)}, {}}))
            .empty());
    Fleet fleet{{host("h1", 100, 0), host("h2", 100, 60)}, {}, {}};
    for (int i = 0; i < 40; ++i) {
        fleet.guests.push_back(guest(fmt::format("{:02}", i), "h1", 1));
    }
    const auto balance = rebalance(fleet);
    CHECK(balance.moves.size() == 20);
    CHECK(balance.imbalance_after == doctest::Approx(10));
    RebalanceRules picky;
    picky.least_gain_percent = 5;
    CHECK(rebalance(fleet, picky).moves.size() == 8);
    CHECK(rebalance({}).moves.empty());
}
