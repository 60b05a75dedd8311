// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include "fakes.h"
#include "orchestrator/accompany.h"

using namespace vmigrate;
using namespace vmigrate::test;

namespace {

/// A migration that libvirt is at; the script goes on from there.
struct Followed {
    Followed() {
        stage.world.destination = GuestState::incoming;
        stage.world.job = true;
    }
    void at(int time, decltype(Event::what) what, Side side,
            std::function<void(World&)> change = nullptr) {
        stage.events.at(milliseconds(time), Event{std::move(what), side, {}}, std::move(change));
    }
    void change(int time, std::function<void(World&)> change) {
        stage.events.at(milliseconds(time), std::nullopt, std::move(change));
    }
    Accompanied run() {
        return accompany({stage.hypervisor, stage.network, stage.events, stage.world.clock,
                          [this](const std::string& text) { stage.world.say("notice: " + text); }});
    }
    std::string transcript() const {
        std::string text;
        for (const auto& line : stage.world.transcript) {
            text += line + "\n";
        }
        return text;
    }
    Stage stage;
};

void has_moved(World& world) {
    world.source = GuestState::absent;
    world.destination = GuestState::running;
    world.job = false;
}

void has_stayed(World& world) {
    world.source = GuestState::running;
    world.destination = GuestState::absent;
    world.job = false;
}

}  // namespace

TEST_CASE("the network is turned when the guest stops, and committed when it runs") {
    Followed move;
    move.at(1200, GuestStopped{}, Side::source,
            [](World& world) { world.source = GuestState::paused; });
    move.at(1250, GuestResumed{}, Side::destination, has_moved);
    CHECK(move.run() == Accompanied::moved);
    CHECK(move.transcript() ==
          "     0 network lock\n"
          "     0 network begin\n"
          "  1200 network redirect\n"
          "  1250 network commit\n"
          "  1250 network drain\n");
}

TEST_CASE("a guest that goes on at the source has its traffic back at once") {
    Followed move;
    move.at(1200, GuestStopped{}, Side::source,
            [](World& world) { world.source = GuestState::paused; });
    move.at(1300, GuestResumed{}, Side::source, has_stayed);
    CHECK(move.run() == Accompanied::stayed);
    CHECK(move.transcript() ==
          "     0 network lock\n"
          "     0 network begin\n"
          "  1200 network redirect\n"
          "  1300 network withdraw\n"
          "  1800 network rollback\n");
}

TEST_CASE("without events the daemons' answers decide") {
    Followed move;
    SUBCASE("moved") {
        move.change(700, has_moved);
        CHECK(move.run() == Accompanied::moved);
        CHECK(move.stage.world.transcript.back() == "  1000 network drain");
    }
    SUBCASE("stayed") {
        move.change(700, has_stayed);
        CHECK(move.run() == Accompanied::stayed);
        CHECK(move.stage.world.transcript.back() == "  1000 network rollback");
    }
    SUBCASE("nobody tells: nothing is done, and after a minute that is said") {
        move.change(700, [](World& world) {
            world.source = world.destination = GuestState::unreachable;
            world.job = std::nullopt;
        });
        CHECK(move.run() == Accompanied::unknown);
        CHECK(move.stage.world.transcript.size() == 3);
        CHECK(move.stage.world.transcript.back().starts_with(" 61000 notice: "));
    }
}

TEST_CASE("where the location cannot be locked nothing is turned") {
    Followed move;
    move.stage.world.failing_call = 1;
    CHECK(move.run() == Accompanied::failed);
    CHECK(move.transcript() ==
          "     0 network lock  -> fails\n"
          "     0 notice: the network is not turned: injected failure\n"
          "     0 network rollback\n");
}

TEST_CASE("what another process sees to is left alone") {
    Followed move;
    move.stage.world.moved_by_another = true;
    CHECK(move.run() == Accompanied::others);
    CHECK(move.transcript().empty());
}

TEST_CASE("a step that fails is named, and the next ones are done") {
    Followed move;
    move.stage.world.failing_call = 2;
    move.at(1200, GuestStopped{}, Side::source,
            [](World& world) { world.source = GuestState::paused; });
    move.at(1250, GuestResumed{}, Side::destination, has_moved);
    CHECK(move.run() == Accompanied::moved);
    CHECK(move.transcript().find("notice: the guest's flows do not follow: injected failure\n") !=
          std::string::npos);
    CHECK(move.stage.world.transcript.back() == "  1250 network drain");
}
