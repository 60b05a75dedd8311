// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <array>

#include "orchestrator/verdict.h"

using namespace vmigrate;
using S = GuestState;
using Kind = Verdict::Kind;

namespace {

constexpr std::array kStates = {S::running,  S::paused, S::incoming,
                                S::shut_off, S::absent, S::unreachable};

Kind kind(S source, S destination, std::optional<bool> job = false, S before = S::running,
          bool paused_on_purpose = false) {
    return judge({source, destination, job, before, paused_on_purpose}).kind;
}

}  // namespace

// Rows: source. Columns: destination running, paused, incoming, shut off, absent, unreachable.
TEST_CASE("a running guest with no job: every pair of answers") {
    constexpr auto D = Kind::on_destination;
    constexpr auto H = Kind::on_source;
    constexpr auto U = Kind::unknown;
    constexpr std::array<std::array<Kind, 6>, 6> expected = {{
        {U, H, H, H, H, H},  // running
        {D, U, U, U, U, U},  // paused
        {D, U, U, U, U, U},  // incoming
        {D, U, U, U, U, U},  // shut off
        {D, U, U, U, U, U},  // absent
        {D, U, U, U, U, U},  // unreachable
    }};
    for (std::size_t row = 0; row < kStates.size(); ++row) {
        for (std::size_t column = 0; column < kStates.size(); ++column) {
            CAPTURE(name_of(kStates.at(row)));
            CAPTURE(name_of(kStates.at(column)));
            CHECK(kind(kStates.at(row), kStates.at(column)) == expected.at(row).at(column));
        }
    }
}

TEST_CASE("while a job runs only a guest that runs on the destination is decided") {
    for (const auto source : kStates) {
        for (const auto destination : kStates) {
            CAPTURE(name_of(source));
            CAPTURE(name_of(destination));
            const auto got = kind(source, destination, true);
            if (destination == S::running) {
                CHECK(got == (source == S::running ? Kind::unknown : Kind::on_destination));
            } else {
                CHECK(got == Kind::still_migrating);
            }
        }
    }
}

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

TEST_CASE("unknown always says where to look") {
    for (const auto source : kStates) {
        for (const auto destination : kStates) {
            for (const auto before : {S::running, S::paused, S::shut_off}) {
                const auto verdict = judge({source, destination, false, before, false});
                CHECK(!verdict.reason.empty());
            }
        }
    }
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
