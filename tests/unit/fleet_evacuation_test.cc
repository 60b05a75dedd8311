// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet
// LABELS: unit
#include <doctest/doctest.h>

#include "fleet_fixture.h"

using namespace vmigrate;
using namespace vmigrate::fleet;
using namespace vmigrate::fleet::test;

namespace {

/// h1 with guests a (1 GiB), b (2), c (3); two hosts to go to, two moves at the same time.
Fleet three_guests() {
    Fleet fleet{{host("h1", 16, 0), host("h2", 16, 16), host("h3", 16, 16)},
                {guest("c", "h1", 3), guest("a", "h1", 1), guest("b", "h1", 2)},
                {}};
    fleet.hosts[0].most_out = 2;
    return fleet;
}

Host silent(Host host) {
    host.closed = "does not answer";
    return host;
}

}  // namespace

TEST_CASE("guests move in their turn, as many at the same time as may be, until all have") {
    Stage stage(of_h1(), three_guests());
    CHECK(stage.begin() == "start a to h3, start b to h3");
    CHECK(!stage.evacuation.over());
    CHECK(!stage.evacuation.wake_at());
    CHECK(stage.tell(9, moved("a")) == "start c to h2, settled a");
    CHECK(stage.tell(20, moved("b")) == "settled b");
    CHECK(stage.tell(30, moved("c")) == "settled c");
    CHECK(stage.evacuation.over());
    CHECK(stage.verdicts() == "c moved h2\na moved h3\nb moved h3\n");
}

TEST_CASE("one at a time out of a host, if it says so, and into one") {
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    Stage out(of_h1(), fleet);
    CHECK(out.begin() == "start a to h3");
    fleet.hosts[0].most_out = 4;
    fleet.hosts[1].most_in = 1;
    fleet.hosts.pop_back();
    Stage in(of_h1(), fleet);
    CHECK(in.begin() == "start a to h2");
    CHECK(in.tell(9, moved("a")) == "start b to h2, settled a");
}

TEST_CASE("what can pass is tried again after pauses that double, and not for ever") {
    auto rules = of_h1();
    rules.most_attempts = 3;
    auto fleet = three_guests();
    fleet.guests.resize(1);
    Stage stage(rules, fleet);
    stage.begin();
    const auto busy = failed("c", Trouble::passing, "another job is active");
    CHECK(stage.tell(10, busy).empty());
    CHECK(stage.evacuation.wake_at() == at(15));
    CHECK(stage.verdicts() == "c waiting h2: another job is active\n");
    CHECK(stage.tell(14, TimePassed{}).empty());
    CHECK(stage.tell(15, TimePassed{}) == "start c to h2 (attempt 2)");
    CHECK(stage.tell(20, busy).empty());
    CHECK(stage.evacuation.wake_at() == at(30));
    CHECK(stage.tell(30, TimePassed{}) == "start c to h2 (attempt 3)");
    CHECK(stage.tell(31, busy) == "settled c");
    CHECK(stage.verdicts() ==
          "c failed-on-source h2: 3 attempts, the last: another job is active\n");
    CHECK(stage.evacuation.over());
    CHECK(!stage.evacuation.wake_at());
}

TEST_CASE("while one pauses the others go on") {
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    Stage stage(of_h1(), fleet);
    stage.begin();
    CHECK(stage.tell(1, failed("a", Trouble::passing, "busy")) == "start b to h3");
}

TEST_CASE("a destination that does not take it is not asked again, another one is at once") {
    auto fleet = three_guests();
    fleet.guests.resize(1);
    Stage stage(of_h1(), fleet);
    CHECK(stage.begin() == "start c to h2");
    CHECK(stage.tell(1, failed("c", Trouble::destination, "no such pool")) ==
          "start c to h3 (attempt 2)");
    CHECK(stage.tell(2, failed("c", Trouble::destination, "no such pool either")) == "settled c");
    CHECK(stage.verdicts() ==
          "c failed-on-source h3: no such pool either; no place: 2 hosts have refused it\n");
}

TEST_CASE("a reason of the guest itself is not tried again") {
    Stage stage(of_h1(), three_guests());
    stage.begin();
    CHECK(stage.tell(1, failed("a", Trouble::guest, "its disk is on this host")) ==
          "start c to h2, settled a");
}

TEST_CASE("a guest of which nobody knows where it runs is not touched again") {
    auto fleet = three_guests();
    fleet.guests.resize(1);
    Stage stage(of_h1(), fleet);
    stage.begin();
    CHECK(stage.tell(9, MoveEnded{"uuid-c", Outcome::unknown, Trouble::passing,
                                  "nobody answers"}) == "settled c");
    CHECK(stage.evacuation.over());
    CHECK(stage.tell(10, GuestSeen{fleet.guests[0]}).empty());
    CHECK(stage.tell(11, moved("c")).empty());
    CHECK(stage.verdicts() == "c unknown h2: nobody answers\n");
}

TEST_CASE("who cannot be moved stays and is named, and so is who has no place") {
    auto fleet = three_guests();
    fleet.guests[0].unmovable = "it has a passed-through device 0000:01:00.0";
    fleet.guests[1].memory = gibibytes(40);
    Stage stage(of_h1(), fleet);
    CHECK(stage.verdicts() ==
          "c unmovable: it has a passed-through device 0000:01:00.0\na waiting\nb waiting\n");
    CHECK(stage.begin() == "start b to h2");
    CHECK(stage.tell(20, moved("b")) == "settled b, settled a");
    CHECK(stage.verdicts() ==
          "c unmovable: it has a passed-through device 0000:01:00.0\n"
          "a unmovable: no place: 2 hosts have less than 40.0 GiB to spare\n"
          "b moved h2\n");
}

TEST_CASE("a host that becomes free while others move is a place") {
    auto fleet = three_guests();
    fleet.guests[1].memory = gibibytes(40);
    Stage stage(of_h1(), fleet);
    stage.begin();
    CHECK(stage.tell(5, HostChanged{host("h4", 64, 64)}) == "");
    CHECK(stage.tell(20, moved("b")) == "start a to h4, settled b");
}

TEST_CASE("a destination that does not answer any more: others take who was to go there") {
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    Stage stage(of_h1(), fleet);
    CHECK(stage.begin() == "start a to h3");
    CHECK(stage.verdicts() == "c waiting h2\na moving h3\nb waiting h3\n");
    CHECK(stage.tell(1, HostChanged{silent(fleet.hosts[1])}).empty());
    CHECK(stage.verdicts() == "c waiting h3\na moving h3\nb waiting h3\n");
    CHECK(stage.tell(2, failed("a", Trouble::passing, "connection lost")) == "start b to h3");
    CHECK(stage.verdicts() == "c waiting h3\na waiting h3: connection lost\nb moving h3\n");
}

TEST_CASE("a destination that is full by now: the same") {
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    Stage stage(of_h1(), fleet);
    stage.begin();
    CHECK(stage.tell(1, HostChanged{host("h2", 16, 2)}).empty());
    CHECK(stage.verdicts() == "c waiting h3\na moving h3\nb waiting h3\n");
}

TEST_CASE("a destination that refuses one after another takes none any more") {
    Fleet fleet{{host("h1", 16, 0), host("h2", 64, 64), host("h3", 8, 8)}, {}, {}};
    for (const auto* name : {"a", "b", "c", "d"}) {
        fleet.guests.push_back(guest(name, "h1", 1));
    }
    Stage stage(of_h1(), fleet);
    CHECK(stage.begin() == "start a to h2");
    CHECK(stage.tell(1, failed("a", Trouble::destination, "no bridge")) ==
          "start a to h3 (attempt 2)");
    CHECK(stage.tell(2, moved("a")) == "start b to h2, settled a");
    CHECK(stage.tell(3, failed("b", Trouble::destination, "no bridge")) ==
          "start b to h3 (attempt 2)");
    CHECK(stage.tell(4, moved("b")) == "start c to h2, settled b");
    CHECK(stage.tell(5, failed("c", Trouble::destination, "no bridge")) ==
          "start c to h3 (attempt 2)");
    CHECK(stage.tell(6, moved("c")) == "start d to h3, settled c");
}

TEST_CASE("guests that come while it goes on join, those that go are let go") {
    auto fleet = three_guests();
    Stage stage(of_h1(), fleet);
    stage.begin();
    CHECK(stage.tell(1, GuestSeen{guest("new", "h1", 1)}).empty());
    CHECK(stage.tell(2, GuestSeen{guest("other", "h2", 1)}).empty());
    CHECK(stage.tell(3, GuestLeft{"uuid-c"}) == "settled c");
    CHECK(stage.tell(4, GuestLeft{"uuid-a"}).empty());  // it moves
    CHECK(stage.tell(9, moved("a")) == "start new to h2, settled a");
    stage.tell(20, moved("b"));
    stage.tell(21, moved("new"));
    CHECK(stage.evacuation.over());
    CHECK(stage.verdicts() ==
          "c left: it is not there any more\na moved h3\nb moved h3\nnew moved h2\n");
    CHECK(stage.tell(30, GuestSeen{guest("late", "h1", 1)}) == "start late to h2");
    CHECK(!stage.evacuation.over());
}

TEST_CASE("what a waiting guest is now counts") {
    auto fleet = three_guests();
    Stage stage(of_h1(), fleet);
    stage.begin();
    auto changed = fleet.guests[0];
    changed.needs = {"bridge br9"};
    stage.tell(1, GuestSeen{changed});
    CHECK(stage.evacuation.standing("uuid-c")->reason == "no place: 2 hosts have no bridge br9");
    changed.needs.clear();
    stage.tell(2, GuestSeen{changed});
    CHECK(stage.evacuation.standing("uuid-c")->to == "h2");
    changed.host = "h3";
    CHECK(stage.tell(3, GuestSeen{changed}) == "settled c");
    CHECK(stage.evacuation.standing("uuid-c")->reason == "it is on h3 now");
}

TEST_CASE("cancelled: moves under way end as they do, no other begins") {
    Stage stage(of_h1(), three_guests());
    stage.begin();
    CHECK(stage.tell(1, CancelRequested{}) == "settled c");
    CHECK(!stage.evacuation.over());
    CHECK(stage.tell(2, failed("a", Trouble::passing, "busy")) == "settled a");
    CHECK(stage.tell(3, moved("b")) == "settled b");
    CHECK(stage.tell(4, GuestSeen{guest("new", "h1", 1)}) == "settled new");
    CHECK(stage.verdicts() ==
          "c cancelled: cancelled before its turn\n"
          "a cancelled h3: busy; cancelled before another attempt\n"
          "b moved h3\nnew cancelled: cancelled before it came\n");
}

TEST_CASE("the budget is divided anew as moves begin and end, what becomes less first") {
    auto rules = of_h1();
    rules.bandwidth = {mebibytes(60).count};
    rules.most_parallel = 3;
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 3;
    Stage stage(rules, fleet);
    // twice as much for who began first, so that they do not end together
    CHECK(stage.begin() ==
          "start a to h3 at 30.0 MiB/s, start b to h3 at 15.0 MiB/s, start c to h2 at 15.0 MiB/s");
    CHECK(stage.tell(1, moved("a")) == "b gets 40.0 MiB/s, c gets 20.0 MiB/s, settled a");
    CHECK(stage.tell(2, GuestSeen{guest("new", "h1", 1)}) ==
          "b gets 30.0 MiB/s, c gets 15.0 MiB/s, start new to h2 at 15.0 MiB/s");
    CHECK(stage.tell(3, MoveProgress{"uuid-new", false, {}}) ==
          "b gets 40.0 MiB/s, c gets 20.0 MiB/s");
    CHECK(stage.tell(4, MoveProgress{"uuid-new", true, {}}) ==
          "b gets 30.0 MiB/s, c gets 15.0 MiB/s");
}

TEST_CASE("who has arrived lets the next one go while it is cleared up after") {
    auto rules = of_h1();
    rules.bandwidth = {mebibytes(60).count};
    rules.most_parallel = 1;
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    Stage stage(rules, fleet);
    CHECK(stage.begin() == "start a to h3 at 60.0 MiB/s");
    CHECK(stage.tell(9, MoveProgress{"uuid-a", false, {}}).empty());
    const MoveProgress arrived{"uuid-a", false, {}, true};
    CHECK(stage.tell(10, arrived) == "start b to h3 at 60.0 MiB/s");
    // once
    CHECK(stage.tell(11, arrived).empty());
    CHECK(stage.tell(12, moved("a")) == "settled a");
    CHECK(stage.tell(13, moved("b")) == "start c to h2 at 60.0 MiB/s, settled b");
    // it is not over before its end is known
    CHECK(stage.tell(20, MoveProgress{"uuid-c", false, {}, true}).empty());
    CHECK(!stage.evacuation.over());
    CHECK(stage.tell(21, moved("c")) == "settled c");
    CHECK(stage.evacuation.over());
}

TEST_CASE("a deadline that all will make changes nothing") {
    auto rules = of_h1();
    rules.deadline = seconds(600);
    auto fleet = three_guests();
    fleet.guests[1].load.dirty_rate = {40'000'000};
    fleet.hosts[0].most_out = 1;
    Stage stage(rules, fleet);
    CHECK(stage.begin() == "start a to h3");
}

TEST_CASE("when not all will make the deadline, idle guests go first and the hopeless last") {
    auto rules = of_h1();
    rules.deadline = seconds(60);
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    fleet.guests[1].load.dirty_rate = {40'000'000};
    fleet.guests.push_back(guest("huge", "h1", 9));  // more than a minute by itself
    Stage stage(rules, fleet);
    CHECK(stage.begin() == "start b to h3");
    CHECK(stage.tell(18, moved("b")).starts_with("start c to h"));
    CHECK(stage.tell(44, moved("c")).starts_with("start a to h"));
    CHECK(stage.tell(58, moved("a")) == "start huge to h2 in a hurry, settled a");
    CHECK(stage.tell(60, TimePassed{}).empty());
    CHECK(stage.tell(140, moved("huge")) == "settled huge");
}

TEST_CASE("after the deadline no move begins, and who waits is told so") {
    auto rules = of_h1();
    rules.deadline = seconds(30);
    auto fleet = three_guests();
    fleet.hosts[0].most_out = 1;
    Stage stage(rules, fleet);
    stage.begin();
    CHECK(stage.evacuation.wake_at() == at(30));
    CHECK(stage.tell(30, TimePassed{}) == "settled c, settled b");
    CHECK(stage.tell(31, moved("a")) == "settled a");
    CHECK(stage.evacuation.over());
    CHECK(stage.verdicts() ==
          "c late: the deadline passed before its turn\na moved h3\n"
          "b late: the deadline passed before its turn\n");
}

TEST_CASE("a running move that would miss the deadline is hurried, once") {
    auto rules = of_h1();
    rules.deadline = seconds(60);
    auto fleet = three_guests();
    fleet.guests.resize(1);
    Stage stage(rules, fleet);
    CHECK(stage.begin() == "start c to h2");
    CHECK(stage.tell(10, MoveProgress{"uuid-c", true, seconds(40)}).empty());
    CHECK(stage.tell(20, MoveProgress{"uuid-c", true, seconds(50)}) == "hurry c");
    CHECK(stage.tell(30, MoveProgress{"uuid-c", true, seconds(90)}).empty());
}

TEST_CASE("homes: each goes to its own, and a host that is full now may not be later") {
    Rules rules;
    rules.homes = {{"uuid-a", "h2"}, {"uuid-b", "h1"}, {"uuid-c", "h1"}};
    rules.headroom_percent = 0;
    const Fleet fleet{{host("h1", 4, 1), host("h2", 4, 2)},
                      {guest("a", "h1", 2), guest("b", "h2", 3), guest("c", "h1", 1)},
                      {}};
    Stage stage(rules, fleet);
    CHECK(stage.begin() == "start a to h2");
    CHECK(stage.tell(1, moved("a")) == "start b to h1, settled a");
    CHECK(stage.tell(2, moved("b")) == "settled b");
    CHECK(stage.verdicts() == "a moved h2\nb moved h1\n");
}

TEST_CASE("groups hold while guests are under way, and who could not follow stays") {
    auto fleet = three_guests();
    fleet.groups = {{"db", {Group::Rule::together}}};
    fleet.guests[0].groups = fleet.guests[1].groups = {"db"};
    fleet.guests.pop_back();
    fleet.hosts[0].most_out = 1;
    Stage stage(of_h1(), fleet);
    CHECK(stage.begin() == "start a to h2");
    CHECK(stage.tell(1, failed("a", Trouble::guest, "it cannot")) == "settled a, settled c");
    CHECK(stage.verdicts() ==
          "c unmovable: no place: 2 hosts are not where group 'db' is\n"
          "a failed-on-source h2: it cannot\n");
}

TEST_CASE("guests of a group look for another place together") {
    auto fleet = three_guests();
    fleet.groups = {{"db", {Group::Rule::together}}};
    fleet.guests[0].groups = fleet.guests[1].groups = {"db"};
    fleet.guests.pop_back();
    Stage stage(of_h1(), fleet);
    CHECK(stage.begin() == "start a to h2, start c to h2");
    stage.tell(1, failed("a", Trouble::destination, "no pool"));
    CHECK(stage.tell(2, failed("c", Trouble::destination, "no pool")) ==
          "start a to h3 (attempt 2), start c to h3 (attempt 2)");
}

TEST_CASE("it goes on where an earlier one was interrupted") {
    auto fleet = three_guests();
    fleet.guests.push_back(guest("new", "h1", 1));
    using State = Standing::State;
    const std::vector<Standing> before = {
        {"uuid-a", "a", "h1", "h2", State::moving, 2, {}},
        {"uuid-b", "b", "h1", "h3", State::unknown, 1, "nobody answers"},
        {"uuid-c", "c", "h1", "h2", State::waiting, 3, "busy"},
        {"uuid-d", "d", "h1", "h2", State::moved, 1, {}},
        {"uuid-e", "e", "h1", {}, State::waiting, 0, {}}};
    Stage stage(of_h1(), fleet, before);
    CHECK(stage.begin() == "start new to h3");
    CHECK(stage.tell(3, moved("a")) == "start c to h2 (attempt 4), settled a");
    CHECK(stage.tell(4, failed("c", Trouble::passing, "busy")) == "settled c");
    CHECK(stage.tell(5, moved("new")) == "settled new");
    CHECK(stage.evacuation.over());
    CHECK(stage.verdicts() ==
          "a moved h2\nb unknown h3: nobody answers\n"
          "c failed-on-source h2: 4 attempts, the last: busy\nd moved h2\n"
          "e left\nnew moved h3\n");
}

TEST_CASE("who had no place when it was interrupted is told why once") {
    auto fleet = three_guests();
    fleet.guests = {guest("big", "h1", 40)};
    fleet.guests.push_back(guest("a", "h1", 1));
    Stage first(of_h1(), fleet);
    CHECK(first.begin() == "start a to h2");
    const auto before = first.evacuation.standings();
    CHECK(words_of(before) ==
          "big waiting: no place: 2 hosts have less than 40.0 GiB to spare\na moving h2\n");
    Stage next(of_h1(), fleet, before);
    CHECK(next.tell(20, moved("a")) == "settled a, settled big");
    CHECK(next.verdicts() ==
          "big unmovable: no place: 2 hosts have less than 40.0 GiB to spare\na moved h2\n");
}

TEST_CASE("a copy goes its own way") {
    Stage stage(of_h1(), three_guests());
    stage.begin();
    auto copy = stage.evacuation;
    CHECK(copy.happened(CancelRequested{}, at(1)).size() == 1);
    CHECK(stage.tell(9, moved("a")) == "start c to h2, settled a");
}

TEST_CASE("nothing to do is over at once") {
    Stage stage(of_h1(), {{host("h1", 4, 4)}, {}, {}});
    CHECK(stage.begin().empty());
    CHECK(stage.evacuation.over());
}
