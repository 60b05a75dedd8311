// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet
// LABELS: unit
#include <doctest/doctest.h>

#include <map>

#include "fleet/forecast.h"
#include "fleet/simulation.h"
#include "fleet_fixture.h"

using namespace vmigrate;
using namespace vmigrate::fleet;
using namespace vmigrate::fleet::test;

namespace {

/// A gibibyte and a bit: ten seconds at a gigabit, one of them before it is sent.
Guest ten_seconds(const std::string& name) {
    auto guest = test::guest(name, "h1", 1);
    guest.load.to_send = {9 * kGigabit.count};
    return guest;
}

Fleet of_guests(int count) {
    Fleet fleet{{host("h1", 64, 0), host("h2", 64, 64), host("h3", 64, 64)}, {}, {}};
    for (int i = 0; i < count; ++i) {
        fleet.guests.push_back(ten_seconds(fmt::format("{:02}", i)));
    }
    return fleet;
}

}  // namespace

TEST_CASE("alone, one after another: as long as predicted") {
    const auto played = play(Evacuation(of_h1(), of_guests(4), at(0)), at(0));
    CHECK(played.over);
    CHECK(played.total == milliseconds(40'000));
    CHECK(played.moves.size() == 4);
}

TEST_CASE("two at a time share the link, and the set-up of one is hidden by the other") {
    auto fleet = of_guests(2);
    fleet.hosts[0].most_out = 2;
    const auto played = play(Evacuation(of_h1(), fleet, at(0)), at(0));
    CHECK(played.total == milliseconds(19'000));
}

TEST_CASE("the budget is kept, and used whole when it is told when memory flows") {
    auto rules = of_h1();
    rules.bandwidth = {kGigabit.count / 2};
    auto fleet = of_guests(8);
    fleet.hosts[0].most_out = 2;
    fleet.guests[0].load.to_send = {4 * kGigabit.count};  // so that not two begin at once
    const auto played = play(Evacuation(rules, fleet, at(0)), at(0));
    Weather told;
    told.tells_progress = true;
    const auto faster = play(Evacuation(rules, fleet, at(0)), at(0), told);
    const milliseconds sending(7 * 18'000 + 8'000);
    CHECK(faster.total >= sending);
    CHECK(faster.total < sending + seconds(2));
    CHECK(played.total > sending + seconds(3));
}

TEST_CASE("the same seed gives the same course, another one another") {
    Weather weather;
    weather.noise = 0.3;
    weather.failing_moves = 0.2;
    const Evacuation evacuation(of_h1(), of_guests(20), at(0));
    const auto once = play(evacuation, at(0), weather);
    CHECK(play(evacuation, at(0), weather).total == once.total);
    weather.seed = 2;
    CHECK(play(evacuation, at(0), weather).total != once.total);
}

TEST_CASE("whatever breaks, it ends and every guest is accounted for") {
    Weather weather;
    weather.noise = 0.3;
    weather.failing_moves = 0.3;
    weather.failing_hosts = 0.4;
    unsigned dead = 0;
    std::map<std::string, unsigned> verdicts;
    for (weather.seed = 1; weather.seed <= 30; ++weather.seed) {
        auto fleet = of_guests(30);
        for (int i = 4; i < 9; ++i) {
            fleet.hosts.push_back(host(fmt::format("h{}", i), 16, 16));
        }
        weather.storm = seconds(200);
        const auto played = play(Evacuation(of_h1(), fleet, at(0)), at(0), weather);
        CHECK(played.over);
        CHECK(played.standings.size() == 30);
        dead += played.dead_hosts;
        std::map<std::string, const PlayedMove*> last;
        for (const auto& move : played.moves) {
            last[move.uuid] = &move;
        }
        for (const auto& standing : played.standings) {
            CHECK(standing.ended());
            ++verdicts[std::string(name_of(standing.state))];
            const auto move = last.find(standing.uuid);
            const bool arrived = move != last.end() && move->second->outcome == Outcome::moved;
            CHECK((standing.state == Standing::State::moved) == arrived);
        }
    }
    CHECK(dead > 20);
    CHECK(verdicts["moved"] > 500);
    CHECK(verdicts["failed-on-source"] > 20);
    CHECK(verdicts["unknown"] > 5);
}

TEST_CASE("forecast: how long, and how close to what is possible") {
    const Evacuation evacuation(of_h1(), of_guests(4), at(0));
    const auto said = forecast(evacuation, at(0));
    CHECK(said.total == milliseconds(40'000));
    CHECK(said.bound == milliseconds(40'000));
    CHECK(said.summary == "4 of 4 guests will have moved after 40.0 s");
    CHECK(said.guests.front().begins == milliseconds(0));
    CHECK(said.guests.back().ends == milliseconds(40'000));
    CHECK(said.guests.back().standing.to.starts_with("h"));
}

TEST_CASE("forecast: who makes the deadline and who does not, because") {
    auto rules = of_h1();
    rules.deadline = seconds(35);
    auto fleet = of_guests(4);
    fleet.guests.push_back(guest("huge", "h1", 20));
    fleet.guests.push_back(guest("nowhere", "h1", 1));
    fleet.guests.back().needs = {"bridge br5"};
    const auto said = forecast(Evacuation(rules, fleet, at(0)), at(0));
    CHECK(said.summary == "3 of 6 guests will make it within 35.0 s");
    std::map<std::string, std::string> reasons;
    for (const auto& guest : said.guests) {
        reasons[guest.standing.name] = guest.in_time ? "in time" : guest.reason;
    }
    CHECK(reasons["00"] == "in time");
    CHECK(reasons["02"] == "in time");
    CHECK(reasons["03"] == "its turn comes after 3 others");
    CHECK(reasons["huge"] == "it has 20.0 GiB to send, which takes 2 m 52 s by itself");
    CHECK(reasons["nowhere"] == "no place: 2 hosts have no bridge br5");
}

TEST_CASE("forecast in the middle: what is left") {
    Evacuation evacuation(of_h1(), of_guests(4), at(0));
    evacuation.happened(TimePassed{}, at(0));
    evacuation.happened(moved("00"), at(10));
    const auto said = forecast(evacuation, at(14));
    CHECK(said.guests.size() == 3);
    CHECK(said.total == milliseconds(26'000));
    CHECK(!said.guests.front().begins);
    CHECK(said.guests.front().ends == milliseconds(6'000));
}
