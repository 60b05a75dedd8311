// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/unfinished.h"
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

Record ended(Outcome outcome, std::string reason = "") {
    Record record;
    record.outcome = outcome;
    record.reason = std::move(reason);
    return record;
}

struct Desk {
    TemporaryFolder folder;
    HandClock clock;
    std::unique_ptr<Store> store = opened(folder.file("history.db"), clock);
    std::unique_ptr<Journal> journal = store->journal();

    Story story(std::int64_t id) const { return store->story(id).value(); }
    /// Changes the history behind the store's back.
    int sql(const std::string& text) const {
        SQLite::Database database(folder.file("history.db"), SQLite::OPEN_READWRITE, 5000);
        return database.exec(text);
    }
};

}  // namespace

TEST_CASE("phases go forward only and leave a timeline") {
    Desk desk;
    const auto id = desk.journal->begin(plan_of("web", kUuid)).value();
    const auto began = desk.clock.wall();
    desk.clock.advance(microseconds(1500));
    CHECK(desk.journal->phase(Phase::prepared, "destination created").has_value());
    CHECK(desk.journal->note("bandwidth: 110 MiB/s, from history").has_value());
    CHECK(desk.journal->phase(Phase::prepared, "again").has_value());

    const auto back = desk.journal->phase(Phase::locked, "");
    CHECK(back.error().kind == ErrorKind::internal);
    CHECK(message_of(back) == "phase locked of migration 1 cannot follow prepared");
    CHECK(desk.story(id).entry.phase == Phase::prepared);

    CHECK(desk.journal->phase(Phase::switched, "").has_value());
    CHECK(desk.journal->finish(ended(Outcome::moved)).has_value());
    const auto timeline = desk.story(id).timeline;
    REQUIRE(timeline.size() == 6);
    CHECK(timeline[0].at == began);
    CHECK(timeline[0].phase == Phase::planned);
    CHECK(timeline[1].at == began + microseconds(1500));
    CHECK(timeline[1].phase == Phase::prepared);
    CHECK(timeline[1].note == "destination created");
    CHECK(timeline[2].phase == Phase::prepared);
    CHECK(timeline[2].note == "bandwidth: 110 MiB/s, from history");
    CHECK(timeline[3].note == "again");
    CHECK(timeline[4].phase == Phase::switched);
    CHECK(timeline[5].phase == Phase::ended);
}

TEST_CASE("the end is told once, whoever says it") {
    Desk desk;
    const auto id = desk.journal->begin(plan_of("web", kUuid)).value();
    CHECK(desk.journal->phase(Phase::ended, "cancelled").has_value());
    CHECK(desk.journal->finish(ended(Outcome::failed_on_source, "cancelled")).has_value());
    CHECK(desk.story(id).timeline.size() == 2);
    CHECK(desk.story(id).entry.phase == Phase::ended);
}

TEST_CASE("a journal is used from begin to finish only") {
    Desk desk;
    CHECK(desk.journal->phase(Phase::locked, "").error().kind == ErrorKind::internal);
    CHECK(desk.journal->intend(Step::migrate, "").error().kind == ErrorKind::internal);
    CHECK(desk.journal->finish(ended(Outcome::moved)).error().kind == ErrorKind::internal);
    REQUIRE(desk.journal->begin(plan_of("web", kUuid)).has_value());
    CHECK(desk.journal->begin(plan_of("db", kOtherUuid)).error().kind == ErrorKind::internal);
    REQUIRE(desk.journal->finish(ended(Outcome::moved)).has_value());
    CHECK(message_of(desk.journal->note("late")) == "migration 1 has ended");
    CHECK(message_of(desk.journal->sample({}, 1, {})) == "migration 1 has ended");
    CHECK(desk.journal->finish(ended(Outcome::moved)).error().kind == ErrorKind::internal);
    CHECK_FALSE(desk.journal->abort_requested());
}

TEST_CASE("steps: intended, done, in order") {
    Desk desk;
    const auto id = desk.journal->begin(plan_of("web", kUuid)).value();
    CHECK(desk.journal->intend(Step::save_originals, "").has_value());
    CHECK(desk.journal->done(Step::save_originals, R"({"downtime":300})").has_value());
    CHECK(desk.journal->intend(Step::make_volume, "a").has_value());
    CHECK(desk.journal->intend(Step::make_volume, "b").has_value());
    CHECK(desk.journal->intend(Step::make_volume, "c").has_value());
    CHECK(desk.journal->done(Step::make_volume, "b").has_value());  // the one of that detail
    CHECK(desk.journal->done(Step::make_volume, "").has_value());   // the newest open one
    CHECK(desk.journal->intend(Step::migrate, "").has_value());

    const auto never = desk.journal->done(Step::commit_network, "");
    CHECK(never.error().kind == ErrorKind::internal);
    CHECK(message_of(never) == "step commit-network of migration 1 is done but was never intended");

    const auto steps = desk.story(id).steps;
    REQUIRE(steps.size() == 5);
    CHECK(steps[0].step == Step::save_originals);
    CHECK(steps[0].done);
    CHECK(steps[0].detail == R"({"downtime":300})");
    CHECK(steps[1].detail == "a");
    CHECK_FALSE(steps[1].done);
    CHECK(steps[2].detail == "b");
    CHECK(steps[2].done);
    CHECK(steps[3].detail == "c");
    CHECK(steps[3].done);
    CHECK(steps[4].step == Step::migrate);
    CHECK_FALSE(steps[4].done);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        CHECK(steps[i].sequence == static_cast<std::int64_t>(i + 1));
    }
}

TEST_CASE("a guest is moved by one migration at a time") {
    Desk desk;
    REQUIRE(desk.journal->begin(plan_of("o'web", kUuid)).value() == 1);

    const auto second = opened(desk.folder.file("history.db"), desk.clock);
    const auto rival = second->journal();
    const auto refused = rival->begin(plan_of("renamed", kUuid));
    CHECK(refused.error().kind == ErrorKind::busy);
    CHECK(message_of(refused) ==
          "guest 'o\\'web' is being moved by migration 1 (pid " + std::to_string(getpid()) + ")");
    CHECK(second->list({}).value().size() == 1);  // no trace of the refused one

    CHECK(second->journal()->begin(plan_of("o'web", kOtherUuid)).has_value());  // another guest
    REQUIRE(desk.journal->finish(ended(Outcome::moved)).has_value());
    CHECK(rival->begin(plan_of("renamed", kUuid)).has_value());  // the same journal may try again
}

TEST_CASE("a reboot ends every holder; other machines and containers are out of sight") {
    Desk desk;
    REQUIRE(desk.journal->begin(plan_of("web", kUuid)).has_value());
    const auto refused = [&] {
        return message_of(desk.store->journal()->begin(plan_of("web", kUuid)));
    };
    const auto adopted = [&] { return message_of(desk.store->adopt(1)); };
    const std::string dead =
        "an earlier migration (ID 1) of guest 'web' ended without a verdict: run 'vmigrate "
        "recover 1'";

    SUBCASE("another boot of the same machine") {
        desk.sql("UPDATE leases SET holder_boot = 'earlier'");
        CHECK(refused() == dead);
        CHECK_FALSE(desk.story(1).entry.holder_alive);
        CHECK(adopted() == "no error");
    }
    SUBCASE("the process id is in use again") {
        desk.sql("UPDATE leases SET holder_started = holder_started - 1");
        CHECK(refused() == dead);
        CHECK(adopted() == "no error");
    }
    SUBCASE("another machine") {
        desk.sql(
            "UPDATE leases SET holder_machine = 'elsewhere', holder_boot = 'x', "
            "holder_pid = 77");
        const std::string far =
            "guest 'web' is held by migration 1 on 'elsewhere' (pid 77), where it cannot be "
            "checked from here: run 'vmigrate recover 1' there";
        CHECK(refused() == far);
        CHECK(desk.story(1).entry.holder_alive);
        CHECK(adopted() == far);
        CHECK(desk.store->adopt(1, Takeover::from_out_of_sight).has_value());
    }
    SUBCASE("a container of this machine") {
        desk.sql("UPDATE leases SET holder_pid_namespace = 'pid:[1]', holder_pid = 1");
        CHECK(refused().find("cannot be checked from here") != std::string::npos);
        CHECK(adopted().find("cannot be checked from here") != std::string::npos);
    }
    SUBCASE("the same machine under another name") {
        desk.sql("UPDATE leases SET holder_machine = 'old-name'");
        CHECK(refused().find("is being moved by migration 1") != std::string::npos);
        CHECK(adopted().find("is being moved by migration 1") != std::string::npos);
    }
    SUBCASE("even when told, never from the living") {
        CHECK(desk.store->adopt(1, Takeover::from_out_of_sight).error().kind == ErrorKind::busy);
    }
}

TEST_CASE("adopt goes on where the dead process stopped") {
    Desk desk;
    const auto id = desk.journal->begin(plan_of("web", kUuid)).value();
    REQUIRE(desk.journal->intend(Step::migrate, "").has_value());
    REQUIRE(desk.journal->phase(Phase::precopy, "").has_value());
    REQUIRE(desk.store->request_abort(id).has_value());
    desk.clock.advance(seconds(10));
    desk.sql("UPDATE leases SET holder_boot = 'earlier'");

    auto heir = desk.store->adopt(id).value();
    CHECK_FALSE(heir->abort_requested());  // that was meant for the dead one
    CHECK(desk.story(id).entry.holder_alive);
    CHECK(desk.store->adopt(id).error().kind == ErrorKind::busy);
    CHECK(heir->phase(Phase::prepared, "").error().kind == ErrorKind::internal);
    CHECK(heir->done(Step::migrate, "").has_value());
    CHECK(heir->intend(Step::restore_originals, "").has_value());
    Sample sample;
    sample.at = desk.clock.now();
    CHECK(heir->sample(sample, 5, {}).has_value());
    CHECK(desk.store->last_sample(id).value()->elapsed == seconds(10));
    CHECK(heir->finish(ended(Outcome::failed_on_source, "its process died")).has_value());

    const auto story = desk.story(id);
    CHECK(story.steps.size() == 2);
    CHECK(story.timeline.at(2).note == "taken over for recovery");
    CHECK(story.entry.outcome == Outcome::failed_on_source);
    CHECK(desk.store->lease_of(kUuid).value() == std::nullopt);
    CHECK(message_of(desk.store->adopt(id)) ==
          "migration 1 has ended (failed-on-source): there is nothing to recover");
    CHECK(desk.store->adopt(99).error().kind == ErrorKind::not_found);
}

TEST_CASE(
    "what a failed migration left can be seen to later, as long as nobody moved the guest since") {
    Desk desk;
    const auto id = desk.journal->begin(plan_of("web", kUuid)).value();
    REQUIRE(desk.journal->phase(Phase::precopy, "").has_value());
    auto record = ended(Outcome::failed_on_source, "the timeout is over");
    record.problems = {"volume /pool/a.img is left on the destination"};
    SUBCASE("by the one who finds it") {
        REQUIRE(desk.journal->finish(record).has_value());
        CHECK(left_something(desk.story(id).entry));
        auto heir = desk.store->adopt(id).value();
        CHECK(desk.store->adopt(id).error().kind == ErrorKind::busy);
        CHECK(desk.store->journal()->begin(plan_of("web", kUuid)).error().kind == ErrorKind::busy);
        record.problems.clear();
        REQUIRE(heir->finish(record).has_value());
        const auto entry = desk.story(id).entry;
        CHECK_FALSE(left_something(entry));
        CHECK(entry.phase == Phase::ended);
        CHECK(entry.reason == "the timeout is over");
        CHECK(desk.store->adopt(id).error().kind == ErrorKind::usage);
    }
    SUBCASE("not when the guest was moved since") {
        REQUIRE(desk.journal->finish(record).has_value());
        const auto next = desk.store->journal();
        REQUIRE(next->begin(plan_of("web", kUuid)).has_value());
        REQUIRE(next->finish(ended(Outcome::moved)).has_value());
        CHECK(message_of(desk.store->adopt(id)).find("was moved again since") != std::string::npos);
    }
    SUBCASE("not when it moved: its problems are told, not taken back") {
        record.outcome = Outcome::moved_with_problems;
        REQUIRE(desk.journal->finish(record).has_value());
        CHECK_FALSE(left_something(desk.story(id).entry));
        CHECK(desk.store->adopt(id).error().kind == ErrorKind::usage);
    }
    SUBCASE("also when it moved and the source could not be cleared") {
        record.outcome = Outcome::moved_with_problems;
        record.problems = {"blackout of 2000.0 ms", "the source is silent", "so is its pool"};
        const std::string left = "the source is silent\nso is its pool";
        REQUIRE(desk.journal->intend(Step::clear_source, left).has_value());
        REQUIRE(desk.journal->finish(record).has_value());
        CHECK(left_something(desk.story(id).entry));
        CHECK(unfinished_from(desk.story(id)).value().not_cleared ==
              std::vector<std::string>{"the source is silent", "so is its pool"});
        auto heir = desk.store->adopt(id).value();
        REQUIRE(heir->done(Step::clear_source, "").has_value());
        REQUIRE(heir->finish(record).has_value());
        CHECK_FALSE(left_something(desk.story(id).entry));
        CHECK(unfinished_from(desk.story(id)).value().not_cleared.empty());
    }
}

TEST_CASE("an unknown outcome can be recovered later, as long as nobody moved the guest since") {
    Desk desk;
    const auto id = desk.journal->begin(plan_of("web", kUuid)).value();
    REQUIRE(desk.journal->phase(Phase::handover, "").has_value());
    SUBCASE("the runner only finished") {}
    SUBCASE("the runner also entered the last phase") {
        REQUIRE(desk.journal->phase(Phase::ended, "").has_value());
    }
    REQUIRE(desk.journal->finish(ended(Outcome::unknown, "south does not answer")).has_value());
    CHECK(desk.store->lease_of(kUuid).value() == std::nullopt);

    auto heir = desk.store->adopt(id).value();
    const auto again = desk.story(id).entry;
    CHECK(again.outcome == std::nullopt);
    CHECK(again.ended == std::nullopt);
    CHECK(again.phase == Phase::handover);
    CHECK(again.holder_alive);
    CHECK(desk.store->journal()->begin(plan_of("web", kUuid)).error().kind == ErrorKind::busy);
    CHECK(heir->phase(Phase::switched, "").has_value());
    REQUIRE(heir->finish(ended(Outcome::unknown)).has_value());

    const auto next = desk.store->journal();
    REQUIRE(next->begin(plan_of("web", kUuid)).value() == 2);
    CHECK(message_of(desk.store->adopt(id)).find("is being moved by migration 2") !=
          std::string::npos);
    REQUIRE(next->finish(ended(Outcome::moved)).has_value());
    CHECK(message_of(desk.store->adopt(id)) ==
          "guest 'web' was moved again since, by migration 2: there is nothing to recover of "
          "migration 1");
}
