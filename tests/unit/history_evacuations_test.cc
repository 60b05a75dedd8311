// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/evacuations.h"

#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

EvacuationGuest guest(const std::string& name, const std::string& to, const std::string& state) {
    return {{"uuid-" + name, name}, "north", to, state, 1, "", {}};
}

template <class T>
ErrorKind kind_of(const Result<T>& result) {
    REQUIRE(!result);
    return result.error().kind;
}

}  // namespace

TEST_CASE("an evacuation and its guests are as they were put") {
    const TemporaryFolder folder;
    HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto evacuations = store->evacuations();
    CHECK(evacuations->newest("north").value() == std::nullopt);
    const auto id = evacuations->begin(EvacuationKind::evacuate, "north", R"({"a":1})").value();
    auto entry = evacuations->find(id).value();
    CHECK(entry.kind == EvacuationKind::evacuate);
    CHECK(entry.host == "north");
    CHECK(entry.options == R"({"a":1})");
    CHECK(entry.began == clock.wall());
    CHECK(entry.holder_alive);
    CHECK(entry.holder_pid == getpid());

    auto web = guest("web", "south", "waiting");
    const auto database = guest("db", "", "unmovable");
    REQUIRE(evacuations->put(id, web));
    REQUIRE(evacuations->put(id, database));
    web.state = "moved";
    web.attempts = 2;
    web.reason = "a relay is left";
    web.migration = store->journal()->begin(plan_of("web", kUuid)).value();
    REQUIRE(evacuations->put(id, web));
    CHECK(evacuations->guests(id).value() == std::vector{web, database});

    CHECK(evacuations->under_way().value().size() == 1);
    clock.advance(seconds(5));
    REQUIRE(evacuations->end(id, 6));
    entry = evacuations->newest("north").value().value();
    CHECK(entry.id == id);
    CHECK(entry.ended == clock.wall());
    CHECK(entry.exit_code == 6);
    CHECK_FALSE(entry.holder_alive);
    CHECK(evacuations->under_way().value().empty());
    CHECK(kind_of(evacuations->find(id + 1)) == ErrorKind::not_found);
}

TEST_CASE("a host has one evacuation at a time, others have theirs") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto evacuations = store->evacuations();
    const auto first = evacuations->begin(EvacuationKind::evacuate, "north", "{}").value();
    const auto again = evacuations->begin(EvacuationKind::restore, "north", "{}");
    CHECK(kind_of(again) == ErrorKind::busy);
    CHECK(again.error().message ==
          "evacuation 1 of host 'north' is under way (pid " + std::to_string(getpid()) + ")");
    CHECK(evacuations->begin(EvacuationKind::evacuate, "south", "{}"));
    REQUIRE(evacuations->end(first, 0));
    CHECK(evacuations->begin(EvacuationKind::restore, "north", "{}"));
}

TEST_CASE("whose process died is gone on with, not whose lives") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto id = std::stoll(said_by_child([&] {
        const auto own = opened(folder.file("history.db"), clock);
        return std::to_string(
            own->evacuations()->begin(EvacuationKind::evacuate, "north", "{}").value());
    }));
    const auto evacuations = store->evacuations();
    CHECK_FALSE(evacuations->find(id).value().holder_alive);
    CHECK(message_of(evacuations->begin(EvacuationKind::evacuate, "north", "{}")) ==
          "the process of evacuation 1 of host 'north' is dead: run 'vmigrate evacuate north "
          "--resume', or --cancel");
    REQUIRE(evacuations->adopt(id));
    CHECK(evacuations->find(id).value().holder_pid == getpid());
    CHECK(said_by_child([&] {
              const auto other = opened(folder.file("history.db"), clock);
              return message_of(other->evacuations()->adopt(id));
          }).starts_with("evacuation 1 of host 'north' is under way (pid "));
    REQUIRE(evacuations->end(id, 0));
    CHECK(kind_of(evacuations->adopt(id)) == ErrorKind::usage);
    CHECK(kind_of(evacuations->adopt(id + 1)) == ErrorKind::not_found);
}

TEST_CASE("any process may ask for the end of one that is under way") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto evacuations = store->evacuations();
    const auto id = evacuations->begin(EvacuationKind::evacuate, "north", "{}").value();
    CHECK_FALSE(evacuations->find(id).value().cancel_requested);
    REQUIRE(evacuations->request_cancel(id));
    CHECK(evacuations->find(id).value().cancel_requested);
    REQUIRE(evacuations->end(id, 130));
    CHECK(kind_of(evacuations->request_cancel(id)) == ErrorKind::usage);
    CHECK(kind_of(evacuations->request_cancel(id + 1)) == ErrorKind::not_found);
}

TEST_CASE("what was taken from a host is known until it was brought home") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto evacuations = store->evacuations();
    const auto run = [&](EvacuationKind kind, int code,
                         const std::vector<EvacuationGuest>& guests) {
        const auto id = evacuations->begin(kind, "north", "{}").value();
        for (const auto& one : guests) {
            REQUIRE(evacuations->put(id, one));
        }
        REQUIRE(evacuations->end(id, code));
    };
    using Guests = std::vector<EvacuationGuest>;
    const auto web = guest("web", "south", "moved");
    const auto mail = guest("mail", "east", "moved-with-problems");
    run(EvacuationKind::evacuate, 6, {web, guest("db", "south", "failed-on-source")});
    run(EvacuationKind::evacuate, 0, {mail});
    CHECK(evacuations->taken_from("north").value() == Guests{web, mail});
    CHECK(evacuations->taken_from("south").value().empty());
    SUBCASE("a guest that was taken twice is where it was put the last time") {
        const auto moved_on = guest("web", "east", "moved");
        run(EvacuationKind::evacuate, 0, {moved_on});
        CHECK(evacuations->taken_from("north").value() == Guests{mail, moved_on});
    }
    SUBCASE("a restoration that left some where they were does not forget them") {
        run(EvacuationKind::restore, 6, {});
        CHECK(evacuations->taken_from("north").value() == Guests{web, mail});
    }
    SUBCASE("a whole one does") {
        run(EvacuationKind::restore, 0, {});
        CHECK(evacuations->taken_from("north").value().empty());
    }
}
