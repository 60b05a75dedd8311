// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
//
// Why some verdicts are as they are; all of them are in verdict_manual_test.cc.
#include <doctest/doctest.h>

#include "orchestrator/verdict.h"

using namespace vmigrate;
using S = GuestState;
using Kind = Verdict::Kind;

namespace {

Kind kind(S source, S destination, std::optional<bool> job = false, S before = S::running,
          bool paused_on_purpose = false) {
    return judge({source, destination, job, before, paused_on_purpose}).kind;
}

}  // namespace

TEST_CASE("no answer about the job is no licence to undo while the destination is silent") {
    CHECK(kind(S::running, S::unreachable, std::nullopt) == Kind::still_migrating);
    CHECK(kind(S::running, S::incoming, std::nullopt) == Kind::still_migrating);
    CHECK(kind(S::running, S::absent, std::nullopt) == Kind::on_source);
}

TEST_CASE("a guest that was paused is at home where it is paused") {
    CHECK(kind(S::paused, S::absent, false, S::paused) == Kind::on_source);
    CHECK(kind(S::absent, S::paused, false, S::paused) == Kind::on_destination);
    CHECK(kind(S::paused, S::paused, false, S::paused) == Kind::unknown);
}

TEST_CASE("left paused on the destination on purpose") {
    CHECK(kind(S::absent, S::paused, false, S::running, true) == Kind::on_destination);
    CHECK(kind(S::shut_off, S::paused, false, S::running, true) == Kind::on_destination);
}

TEST_CASE("a definition is where it is defined") {
    CHECK(kind(S::absent, S::shut_off, false, S::shut_off) == Kind::on_destination);
    CHECK(kind(S::shut_off, S::absent, false, S::shut_off) == Kind::on_source);
    CHECK(kind(S::shut_off, S::unreachable, false, S::shut_off) == Kind::unknown);
    CHECK(kind(S::absent, S::absent, false, S::shut_off) == Kind::unknown);
}

TEST_CASE("a definition whose guest was started meanwhile") {
    CHECK(kind(S::running, S::absent, false, S::shut_off) == Kind::on_source);
    CHECK(kind(S::shut_off, S::running, false, S::shut_off) == Kind::on_destination);
    // its traffic must not be sent there
    CHECK(kind(S::running, S::shut_off, false, S::shut_off) == Kind::unknown);
}

TEST_CASE("a guest that runs there on memory of the source has not moved yet") {
    Truth truth;
    truth.source = GuestState::paused;
    truth.destination = GuestState::running;
    truth.postcopy = PostcopyState::running;
    CHECK(judge(truth).kind == Verdict::Kind::still_migrating);
    for (const auto state : {PostcopyState::broken, PostcopyState::unnoticed}) {
        truth.postcopy = state;
        CHECK(judge(truth).kind == Verdict::Kind::half_moved);
    }
    for (const auto state : {PostcopyState::stranded, PostcopyState::arriving}) {
        truth.postcopy = state;  // the source has missed the end of it
        truth.destination = GuestState::running;
        CHECK(judge(truth).kind == Verdict::Kind::on_destination);
        truth.destination = GuestState::incoming;
        CHECK(judge(truth).kind == (state == PostcopyState::arriving
                                        ? Verdict::Kind::still_migrating
                                        : Verdict::Kind::unknown));
    }
    truth.destination = GuestState::running;
    truth.postcopy = PostcopyState::none;
    CHECK(judge(truth).kind == Verdict::Kind::on_destination);
}
