// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include "fakes.h"

using namespace vmigrate;
using namespace vmigrate::test;

namespace {

Unfinished died_in(Phase phase) {
    Unfinished unfinished;
    unfinished.id = 1;
    unfinished.phase = phase;
    unfinished.leftovers.originals = R"({"saved":true})";
    unfinished.leftovers.volumes.push_back(
        {"vda", "/pool/a.img", "/pool/a.img", "raw", mebibytes(64)});
    return unfinished;
}

Unfinished died_in_postcopy(Phase phase) {
    auto unfinished = died_in(phase);
    unfinished.resumable = MigrationCall{};
    return unfinished;
}

/// The guest runs on the destination, and a part of its memory is on the source.
void half_moved(Stage& stage, PostcopyState state) {
    stage.world.source = GuestState::paused;
    stage.world.destination = GuestState::running;
    stage.world.postcopy = state;
    stage.world.job = true;
}

bool did(const Stage& stage, std::string_view what) {
    return std::ranges::any_of(stage.world.transcript, [&](const std::string& line) {
        return line.find(what) != std::string::npos;
    });
}

}  // namespace

TEST_CASE("the source runs it: everything is taken back") {
    Stage stage;
    stage.world.settings = "changed";
    stage.world.volumes = {"/pool/a.img"};
    const auto record = recover(died_in(Phase::precopy), {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::failed_on_source);
    CHECK(record->problems.empty());
    CHECK(stage.world.volumes.empty());
    CHECK(stage.world.settings == R"({"saved":true})");
    CHECK(did(stage, "network rollback"));
}

TEST_CASE("what was left on a silent host is taken back later, where that is safe") {
    Record ended;
    ended.id = 1;
    ended.outcome = Outcome::failed_on_source;
    ended.reason = "the timeout is over";
    ended.problems = {"volume /pool/a.img is left on the destination"};
    Stage stage;
    stage.world.settings = "changed";
    stage.world.volumes = {"/pool/a.img"};
    SUBCASE("the destination answers, and does not know the guest") {
        const auto record = clear_up(died_in(Phase::precopy), ended, stage.edges);
        CHECK(record.outcome == Outcome::failed_on_source);
        CHECK(record.reason == ended.reason);
        CHECK(record.problems.empty());
        CHECK(stage.world.volumes.empty());
        CHECK(stage.world.settings == R"({"saved":true})");
        CHECK(did(stage, "network rollback"));
        REQUIRE(stage.journal.finished);
        CHECK(stage.journal.finished->problems.empty());
    }
    SUBCASE("the guest, or somebody's migration of it, may need it") {
        struct Case {
            GuestState source;
            GuestState destination;
            std::optional<bool> job;
        };
        using enum GuestState;
        for (const auto& now :
             {Case{running, running, false}, Case{running, paused, false},
              Case{running, incoming, false}, Case{running, shut_off, false},
              Case{running, unreachable, false}, Case{paused, absent, false},
              Case{shut_off, absent, false}, Case{absent, absent, false},
              Case{unreachable, absent, std::nullopt}, Case{running, absent, true},
              Case{running, absent, std::nullopt}, Case{absent, running, false}}) {
            stage.world.source = now.source;
            stage.world.destination = now.destination;
            stage.world.job = now.job;
            const auto record = clear_up(died_in(Phase::precopy), ended, stage.edges);
            CHECK(record.outcome == Outcome::failed_on_source);
            CHECK(record.problems == ended.problems);
            CHECK(stage.world.volumes.size() == 1);
            CHECK(stage.world.settings == "changed");
            CHECK_FALSE(did(stage, "network"));
            CHECK(did(stage, "finish failed-on-source"));
        }
    }
    SUBCASE("it cannot be removed this time, either") {
        stage.world.failing_call = 5;  // network, intend, restore, done, remove
        const auto record = clear_up(died_in(Phase::precopy), ended, stage.edges);
        REQUIRE(record.problems.size() == 1);
        CHECK(record.problems[0].find("/pool/a.img is left") != std::string::npos);
    }
}

TEST_CASE(
    "what a silent source kept of a guest that has moved is cleared later, where that is safe") {
    using enum GuestState;
    Stage stage;
    auto unfinished = died_in(Phase::draining);
    unfinished.remains.volumes = unfinished.leftovers.volumes;
    Record ended;
    ended.id = 1;
    ended.outcome = Outcome::moved_with_problems;
    stage.world.destination = running;
    stage.world.source = unreachable;
    const auto died = recover(unfinished, {}, stage.edges);
    REQUIRE(died);
    REQUIRE(did(stage, "intend clear-source"));
    unfinished.not_cleared = died->problems;
    ended.problems = died->problems;
    ended.problems.insert(ended.problems.begin(), "blackout of 2000.0 ms exceeded the ceiling");
    stage.world.transcript.clear();
    stage.world.source = shut_off;
    SUBCASE("the source answers, and has no process of it") {
        const auto record = clear_up(unfinished, ended, stage.edges);
        CHECK(did(stage, "done clear-source"));
        CHECK(did(stage, "hand over definition"));
        CHECK(did(stage, "remove volume /pool/a.img on source"));
        CHECK_FALSE(did(stage, "intend clear-source"));
        CHECK_FALSE(did(stage, "network"));
        CHECK(record.outcome == Outcome::moved_with_problems);
        REQUIRE(record.problems.size() == 1);
        CHECK(record.problems[0].find("blackout") == 0);
    }
    SUBCASE("that was the only problem") {
        ended.problems = unfinished.not_cleared;
        CHECK(clear_up(unfinished, ended, stage.edges).outcome == Outcome::moved);
        CHECK(did(stage, "finish moved"));
    }
    SUBCASE("its disks were to be compared, and it is not known that they are equal") {
        unfinished.arrival = ArrivalRules{};
        const auto record = clear_up(unfinished, ended, stage.edges);
        CHECK(did(stage, "hand over definition"));
        CHECK_FALSE(did(stage, "remove volume"));
    }
    SUBCASE("the guest is not just on the destination any more") {
        struct Case {
            GuestState source;
            GuestState destination;
            std::optional<bool> job;
        };
        for (const auto& now :
             {Case{running, running, false}, Case{running, shut_off, false},
              Case{shut_off, paused, false}, Case{shut_off, absent, false},
              Case{shut_off, unreachable, false}, Case{shut_off, running, true},
              Case{unreachable, running, std::nullopt}, Case{running, absent, false}}) {
            stage.world.source = now.source;
            stage.world.destination = now.destination;
            stage.world.job = now.job;
            const auto record = clear_up(unfinished, ended, stage.edges);
            CHECK(record.outcome == Outcome::moved_with_problems);
            CHECK(record.problems == ended.problems);
            CHECK_FALSE(did(stage, "hand over"));
            CHECK_FALSE(did(stage, "remove volume"));
            CHECK_FALSE(did(stage, "clear-source"));
            CHECK(did(stage, "finish moved-with-problems"));
        }
    }
    SUBCASE("it still has it: tried again the next time") {
        stage.world.source = paused;
        const auto record = clear_up(unfinished, ended, stage.edges);
        REQUIRE(record.problems.size() == 2);
        CHECK(record.problems[1].find("the source still has the guest") == 0);
        CHECK(did(stage, "intend clear-source"));
        CHECK_FALSE(did(stage, "remove volume"));
    }
}

TEST_CASE("a volume that was only intended is removed only if nobody wrote to it") {
    Stage stage;
    auto unfinished = died_in(Phase::locked);
    std::swap(unfinished.leftovers.volumes, unfinished.leftovers.intended);
    const auto record = recover(unfinished, {}, stage.edges);
    REQUIRE(record);
    CHECK(did(stage, "remove volume /pool/a.img on destination if unwritten"));
}

TEST_CASE("the source's disks go only when nothing of the guest is left there") {
    for (const auto left : {GuestState::absent, GuestState::paused, GuestState::unreachable}) {
        Stage stage;
        stage.world.source = left;
        stage.world.destination = GuestState::running;
        auto unfinished = died_in(Phase::switched);
        unfinished.remains.volumes = unfinished.leftovers.volumes;
        const auto record = recover(unfinished, {}, stage.edges);
        REQUIRE(record);
        CHECK(did(stage, "remove volume") == (left == GuestState::absent));
        CHECK(record->problems.empty() == (left == GuestState::absent));
    }
}

TEST_CASE("the destination runs it: finished forward, nothing is removed") {
    Stage stage;
    stage.world.source = GuestState::absent;
    stage.world.destination = GuestState::running;
    stage.world.volumes = {"/pool/a.img"};
    const auto record = recover(died_in(Phase::handover), {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::moved);
    CHECK(stage.world.volumes.size() == 1);
    CHECK(did(stage, "network commit"));
    CHECK(!did(stage, "network rollback"));
}

TEST_CASE("libvirt still carries it on: waited for, or cancelled on request") {
    Stage waiting;
    waiting.world.job = true;
    waiting.events.at(seconds(3), std::nullopt, [](World& world) {
        world.source = GuestState::absent;
        world.destination = GuestState::running;
        world.job = false;
    });
    const auto waited = recover(died_in(Phase::precopy), {}, waiting.edges);
    REQUIRE(waited);
    CHECK(waited->outcome == Outcome::moved);
    CHECK(!did(waiting, "abort"));

    Stage cancelling;
    cancelling.world.job = true;
    const auto cancelled =
        recover(died_in(Phase::precopy), {.abort_running = true}, cancelling.edges);
    REQUIRE(cancelled);
    CHECK(cancelled->outcome == Outcome::failed_on_source);
    CHECK(did(cancelling, "abort"));
}

TEST_CASE("a migration that never ends is cancelled when patience is over") {
    Stage stage;
    stage.world.job = true;
    const auto record = recover(died_in(Phase::precopy), {.patience = seconds(60)}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::failed_on_source);
    CHECK(stage.world.clock.elapsed() >= seconds(60));
    CHECK(stage.world.clock.elapsed() < seconds(63));
}

TEST_CASE("nobody answers: nothing is done") {
    Stage stage;
    stage.world.source = GuestState::unreachable;
    stage.world.destination = GuestState::unreachable;
    stage.world.job = std::nullopt;
    stage.world.volumes = {"/pool/a.img"};
    const auto record = recover(died_in(Phase::precopy), {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::unknown);
    CHECK(stage.world.volumes.size() == 1);
    CHECK(!did(stage, "network"));
    CHECK(!did(stage, "restore"));
    CHECK(!did(stage, "abort"));
}

TEST_CASE("a guest that was lost is not waited for like one that may come back") {
    Stage stage;
    stage.world.source = GuestState::shut_off;
    const auto record = recover(died_in(Phase::precopy), {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::unknown);
    CHECK(record->reason.find("runs nowhere") != std::string::npos);
    CHECK(stage.world.clock.elapsed() < seconds(6));
}

TEST_CASE("a definition that libvirt has not handed over is, and then no volume stays behind") {
    for (const bool refused : {false, true}) {
        Stage stage;
        stage.world.source = GuestState::shut_off;
        stage.world.destination = GuestState::running;
        auto unfinished = died_in(Phase::switched);
        unfinished.remains.volumes = {{.target = "vda", .source_path = "/there/a.img"}};
        stage.world.failing_call = refused ? 4 : 0;  // intent, commit, done
        const auto record = recover(unfinished, {}, stage.edges);
        REQUIRE(record);
        CHECK(did(stage, "hand over definition  -> fails") == refused);
        CHECK(record->outcome == (refused ? Outcome::moved_with_problems : Outcome::moved));
        CHECK(did(stage, "remove volume") == !refused);
        if (refused) {
            CHECK(record->problems.front().find("still defines the guest (injected") !=
                  std::string::npos);
        }
    }
}

TEST_CASE("what libvirt has not cleared away yet is waited for, and not ended") {
    for (const auto until_then : {GuestState::paused, GuestState::incoming}) {
        Stage stage;
        stage.world.source = until_then;
        stage.world.destination = GuestState::running;
        stage.world.is_husk = true;
        stage.events.at(seconds(4), std::nullopt,
                        [](World& world) { world.source = GuestState::absent; });
        auto unfinished = died_in(Phase::switched);
        unfinished.remains.volumes = {{.target = "vda", .source_path = "/there/a.img"}};
        const auto record = recover(unfinished, {}, stage.edges);
        REQUIRE(record);
        CHECK(record->outcome == Outcome::moved);
        CHECK(!did(stage, "end husk"));
        CHECK(did(stage, "remove volume  on source"));
        CHECK(stage.world.clock.elapsed() < seconds(5));
    }
}

TEST_CASE("what libvirt never clears away is ended when it is certain that it is no guest") {
    struct Case {
        bool certain;
        std::size_t failing_call;  // intent, commit, done, end husk, hand over
        Outcome outcome;
        bool volumes_go;
    };
    for (const auto& now :
         {Case{true, 0, Outcome::moved, true}, Case{false, 0, Outcome::moved_with_problems, false},
          Case{true, 4, Outcome::moved_with_problems, false},
          Case{true, 5, Outcome::moved_with_problems, false}}) {
        CAPTURE(now.certain);
        CAPTURE(now.failing_call);
        Stage stage;
        stage.world.source = GuestState::paused;
        stage.world.destination = GuestState::running;
        stage.world.is_husk = now.certain;
        stage.world.failing_call = now.failing_call;
        auto unfinished = died_in(Phase::switched);
        unfinished.remains.volumes =
            unfinished.remains.copied = {{.target = "vda", .source_path = "/there/a.img"}};
        const auto record = recover(unfinished, {}, stage.edges);
        REQUIRE(record);
        CHECK(record->outcome == now.outcome);
        CHECK(did(stage, "end husk"));
        CHECK(did(stage, "remove volume  on source") == now.volumes_go);
        CHECK(did(stage, "hand over definition") == (now.certain && now.failing_call != 4));
        CHECK(did(stage, "it was ended, for all of the guest") ==
              (now.certain && now.failing_call != 4));
        if (now.certain && now.failing_call == 0) {
            CHECK(did(stage, "end husk, 1 disks copied"));
        }
        if (!now.certain) {
            REQUIRE(record->problems.size() == 1);
            CHECK(record->problems[0].find("paused (it is not certain)") != std::string::npos);
        }
        CHECK(stage.world.clock.elapsed() >= seconds(10));
        CHECK(stage.world.clock.elapsed() < seconds(12));
    }
}

TEST_CASE("what runs or is silent on the source is neither waited for nor ended") {
    Stage stage;
    stage.world.source = GuestState::unreachable;
    stage.world.destination = GuestState::running;
    stage.world.is_husk = true;
    const auto record = recover(died_in(Phase::switched), {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::moved_with_problems);
    CHECK(!did(stage, "end husk"));
    CHECK(stage.world.clock.elapsed() < seconds(1));
}

TEST_CASE("a definition that is to stay on the source does") {
    Stage stage;
    stage.world.source = GuestState::shut_off;
    stage.world.destination = GuestState::running;
    auto unfinished = died_in(Phase::switched);
    unfinished.remains.keeps_definition = true;
    const auto record = recover(unfinished, {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::moved);
    CHECK(!did(stage, "hand over definition"));
}

TEST_CASE("what is paused on the source is not to be resumed when it has run on the destination") {
    for (const auto phase : {Phase::handover, Phase::switched}) {
        Stage stage;
        stage.world.source = GuestState::paused;
        const auto record = recover(died_in(phase), {}, stage.edges);
        REQUIRE(record);
        CHECK(record->outcome == Outcome::unknown);
        CHECK((record->reason.find("do not resume it") != std::string::npos) ==
              (phase == Phase::switched));
    }
}

TEST_CASE("a post-copy that broke off is resumed, and nobody ends the guest when it cannot be") {
    for (const bool comes_back : {true, false}) {
        CAPTURE(comes_back);
        Stage stage;
        half_moved(stage, PostcopyState::broken);
        const auto unfinished = died_in_postcopy(Phase::switched);
        const Event failed{
            CallReturned{Error{ErrorKind::hypervisor, "no route"}}, Side::source, {}};
        stage.events.at(seconds(2), failed, nullptr);
        if (comes_back) {
            stage.events.at(seconds(8), Event{CallReturned{}, Side::source, {}}, [](World& world) {
                world.source = GuestState::absent;
                world.postcopy = PostcopyState::none;
                world.job = false;
            });
        }
        const auto record = recover(unfinished, {}, stage.edges);
        REQUIRE(record);
        CHECK(did(stage, "resume post-copy"));
        CHECK(!did(stage, "abort"));
        CHECK(record->outcome == (comes_back ? Outcome::moved : Outcome::unknown));
        CHECK((record->reason.find("no route") != std::string::npos) != comes_back);
    }
}

TEST_CASE(
    "a job alone is no sign that anything goes on: who waits hears for whom, and gets a word") {
    for (const auto destination : {GuestState::incoming, GuestState::paused, GuestState::absent}) {
        CAPTURE(name_of(destination));
        Stage stage;
        stage.world.source = GuestState::paused;
        stage.world.destination = destination;
        stage.world.job = true;
        stage.world.owes_answer = Side::destination;
        const auto record = recover(died_in(Phase::handover), {}, stage.edges);
        REQUIRE(record);
        CHECK(record->outcome == Outcome::unknown);
        CHECK(record->reason.find("nothing has moved") != std::string::npos);
        CHECK(record->reason.find("QEMU on the destination has not answered") != std::string::npos);
        CHECK(did(stage, "notice: waiting: "));
        CHECK(stage.world.clock.elapsed() < seconds(32));
        CHECK(!did(stage, "abort"));
        CHECK(!did(stage, "network rollback"));
        CHECK(!did(stage, "network commit"));
    }
}

TEST_CASE("a switchover of which something moves is waited for") {
    Stage stage;
    stage.world.source = GuestState::paused;
    stage.world.destination = GuestState::incoming;
    stage.world.job = true;
    for (int i = 1; i <= 4; ++i) {
        stage.events.at(seconds(20) * i, std::nullopt, [i](World& world) {
            world.sample.memory_sent = mebibytes(static_cast<std::uint64_t>(i));
        });
    }
    stage.events.at(seconds(100), std::nullopt, [](World& world) {
        world.source = GuestState::absent;
        world.destination = GuestState::running;
        world.job = false;
    });
    const auto record = recover(died_in(Phase::handover), {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::moved);
}

TEST_CASE("a post-copy whose source hangs gets a word, too") {
    Stage stage;
    stage.world.source = GuestState::unreachable;
    stage.world.destination = GuestState::running;
    stage.world.job = std::nullopt;
    stage.world.postcopy = PostcopyState::running;
    stage.world.owes_answer = Side::source;
    const auto unfinished = died_in_postcopy(Phase::switched);
    const auto record = recover(unfinished, {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::unknown);
    CHECK(record->reason.find("QEMU on the source has not answered") != std::string::npos);
    CHECK(stage.world.clock.elapsed() < seconds(32));
}

TEST_CASE("a destination that does not notice is named, and asked at once when it has") {
    for (const bool notices : {true, false}) {
        CAPTURE(notices);
        Stage stage;
        half_moved(stage, PostcopyState::unnoticed);
        auto unfinished = died_in_postcopy(Phase::switched);
        unfinished.resuming = seconds(40);
        const Event refused{
            CallReturned{Error{ErrorKind::hypervisor, "actively monitored"}}, Side::source, {}};
        for (const int second : {1, 3, 6, 11}) {
            stage.events.at(seconds(second), refused, nullptr);
        }
        if (notices) {  // long before the next attempt would have come
            stage.events.at(seconds(12), std::nullopt,
                            [](World& world) { world.postcopy = PostcopyState::broken; });
            stage.events.at(seconds(13), Event{CallReturned{}, Side::source, {}},
                            [&](World& world) {
                                const bool at_once = did(stage, " 12000 resume post-copy") ||
                                                     did(stage, " 12500 resume post-copy");
                                CHECK(at_once);
                                world.source = GuestState::absent;
                                world.postcopy = PostcopyState::none;
                                world.job = false;
                            });
        }
        const auto record = recover(unfinished, {}, stage.edges);
        REQUIRE(record);
        CHECK(record->outcome == (notices ? Outcome::moved : Outcome::unknown));
        CHECK((record->reason.find("has not noticed") != std::string::npos) != notices);
        CHECK(stage.world.clock.elapsed() < seconds(42));
        CHECK(!did(stage, "abort"));
    }
}

TEST_CASE("a post-copy that broke off before the guest ran on the destination is for a person") {
    Stage stage;
    stage.world.source = GuestState::paused;
    stage.world.destination = GuestState::shut_off;
    stage.world.postcopy = PostcopyState::stranded;
    stage.world.job = true;
    const auto unfinished = died_in_postcopy(Phase::handover);
    const auto record = recover(unfinished, {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::unknown);
    CHECK(record->reason.find("cannot be resumed") != std::string::npos);
    CHECK(!did(stage, "resume post-copy"));
    CHECK(!did(stage, "abort"));
}

TEST_CASE("a guest whose QEMU ended in post-copy is lost only if it had run there") {
    for (const auto there : {GuestState::shut_off, GuestState::absent}) {
        for (const auto phase : {Phase::handover, Phase::switched}) {
            Stage stage;
            stage.world.source = GuestState::paused;
            stage.world.destination = there;
            stage.world.postcopy = PostcopyState::stranded;
            stage.world.job = true;
            stage.world.is_husk = true;
            const auto record = recover(died_in_postcopy(phase), {}, stage.edges);
            REQUIRE(record);
            CHECK(record->outcome == Outcome::unknown);
            const bool lost = phase == Phase::switched;
            CHECK((record->reason.find("the guest is lost") != std::string::npos) == lost);
            CHECK((record->reason.find("end neither") != std::string::npos) != lost);
            CHECK(!did(stage, "end husk"));
            CHECK(!did(stage, "network commit"));
        }
    }
}

TEST_CASE("a post-copy that goes on by itself is waited for, one that stands still is resumed") {
    Stage stage;
    half_moved(stage, PostcopyState::running);
    stage.world.sample.memory_remaining = mebibytes(100);
    const auto unfinished = died_in_postcopy(Phase::switched);
    stage.events.at(seconds(5), std::nullopt,
                    [](World& world) { world.sample.memory_remaining = mebibytes(50); });
    stage.events.at(seconds(14), std::nullopt, [&](World& world) {
        CHECK(!did(stage, "pause post-copy"));
        CHECK(world.source == GuestState::paused);
    });
    stage.events.at(seconds(20), std::nullopt, [](World& world) {
        world.source = GuestState::absent;
        world.postcopy = PostcopyState::none;
    });
    const auto record = recover(unfinished, {}, stage.edges);
    REQUIRE(record);
    CHECK(record->outcome == Outcome::moved);
    CHECK(did(stage, "pause post-copy"));
}
