// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_history
// LABELS: unit
//
// verify-disks: what the runner does with a guest that has arrived, and what recover does when the
// process of the runner died on the way.
#include <doctest/doctest.h>

#include <algorithm>

#include "fakes.h"
#include "history/unfinished.h"

using namespace vmigrate;
using namespace vmigrate::test;

namespace {

Plan plan_with_disks() {
    Plan plan;
    plan.guest.ref = {"11111111-aaaa-bbbb-cccc-222222222222", "web1"};
    plan.guest.state = GuestState::running;
    plan.source.name = "host1";
    plan.destination.host.name = "host2";
    plan.request.options.blackout_ceiling = seconds(10);
    plan.call.remove_source_disks = true;
    plan.call.verify_disks = true;
    plan.call.paused = true;
    for (const auto* target : {"vda", "vdb"}) {
        plan.call.volumes.push_back({target, fmt::format("/old/{}", target),
                                     fmt::format("/new/{}", target), "raw", mebibytes(64)});
    }
    return plan;
}

/// Moves the guest up to where it stands still on the destination.
Record moved(Stage& stage, const Plan& plan = plan_with_disks()) {
    stage.events.at(seconds(1), Event{GuestStopped{}, Side::source, {}},
                    [](World& world) { world.source = GuestState::paused; });
    stage.events.at(milliseconds(1100), Event{CallReturned{}, Side::source, {}}, [](World& world) {
        world.job = false;
        world.source = GuestState::absent;
        world.destination = GuestState::paused;
    });
    const auto record = run(plan, stage.edges);
    REQUIRE(record);
    return *record;
}

bool did(const Stage& stage, std::string_view what) {
    return std::ranges::any_of(stage.world.transcript, [&](const std::string& said) {
        return said.find(what) != std::string::npos;
    });
}

std::size_t when(const Stage& stage, std::string_view what) {
    const auto found = std::ranges::find_if(stage.world.transcript, [&](const std::string& said) {
        return said.find(what) != std::string::npos;
    });
    REQUIRE(found != stage.world.transcript.end());
    return static_cast<std::size_t>(found - stage.world.transcript.begin());
}

/// Neither resumed nor anything removed.
bool left_alone(const Stage& stage) {
    return stage.world.destination == GuestState::paused && !did(stage, "resume the guest") &&
           !did(stage, "remove volume") && !did(stage, "network commit");
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// What the history has of a process that died in handover, with the guest paused on the
/// destination.
Unfinished died(std::optional<DiskCheck> found = {}, Phase phase = Phase::handover,
                const Plan& plan = plan_with_disks()) {
    history::Story story;
    story.entry.id = 1;
    story.entry.phase = phase;
    story.entry.source = "host1";
    story.entry.destination = "host2";
    story.plan_json = line(to_json(plan));
    story.steps.push_back({1, Step::migrate, true, ""});
    story.steps.push_back(
        {2, Step::compare_disks, found.has_value(), found ? to_text(*found) : ""});
    const auto unfinished = history::unfinished_from(story);
    REQUIRE(unfinished);
    return *unfinished;
}

Record recovered(Stage& stage, const Unfinished& unfinished) {
    stage.world.source = GuestState::absent;
    if (stage.world.destination == GuestState::absent) {
        stage.world.destination = GuestState::paused;
    }
    const auto record = recover(unfinished, {}, stage.edges);
    REQUIRE(record);
    return *record;
}

DiskCheck found(DiskFinding finding) {
    return {finding, finding == DiskFinding::differ ? "disk vdb differs from byte 4096 on" : "",
            DiskMeasures{mebibytes(128), finding == DiskFinding::differ ? 1U : 0U, seconds(1)}};
}

}  // namespace

TEST_CASE(
    "equal disks: compared while the guest stands still, then it runs, then the old ones go") {
    Stage stage;
    const auto record = moved(stage);
    CHECK(record.outcome == Outcome::moved);
    CHECK(record.problems.empty());
    CHECK(stage.world.destination == GuestState::running);
    CHECK(when(stage, "done migrate") < when(stage, "intend compare-disks"));
    CHECK(when(stage, "compare disk vda") < when(stage, "compare disk vdb"));
    CHECK(when(stage, "done compare-disks") < when(stage, "resume the guest on destination"));
    CHECK(when(stage, "resume the guest") < when(stage, "phase switched"));
    CHECK(when(stage, "phase switched") < when(stage, "remove volume /new/vda on source"));
    REQUIRE(record.measures.disks);
    CHECK(record.measures.disks->compared == mebibytes(128));
    CHECK(record.measures.disks->mismatches == 0);
    CHECK(record.measures.disks->took == milliseconds(1400));
    // from the stop to where it runs again, with all of the comparison
    REQUIRE(record.measures.total);
    CHECK(*record.measures.total >= milliseconds(2500));
}

TEST_CASE("a disk that differs: nothing is removed, and the guest stands still") {
    Stage stage;
    stage.world.differs = "vdb";
    const auto record = moved(stage);
    CHECK(record.outcome == Outcome::unknown);
    CHECK(has(record.reason, "disk vdb differs from byte 4096 on: /old/vdb on the source"));
    CHECK(has(record.reason, "paused on host2 and gone from host1"));
    CHECK(left_alone(stage));
    CHECK(did(stage, "done compare-disks"));
    REQUIRE(record.measures.disks);
    CHECK(record.measures.disks->mismatches == 1);
}

TEST_CASE("a comparison that breaks off is none") {
    Stage whole;
    moved(whole);
    const auto first = when(whole, "compare disk vda");
    const auto calls_before = std::ranges::count_if(
        std::span(whole.world.transcript).first(first),
        [](const std::string& said) { return !has(said, "notice: ") && !has(said, "end call"); });
    for (const auto* disk : {"vda", "vdb"}) {
        Stage stage;
        stage.world.failing_call =
            static_cast<std::size_t>(calls_before) + (disk == std::string("vda") ? 1 : 2);
        const auto record = moved(stage);
        REQUIRE(did(stage, fmt::format("compare disk {}  -> fails", disk)));
        CHECK(record.outcome == Outcome::unknown);
        CHECK(has(record.reason, fmt::format("disk {} cannot be read: injected failure", disk)));
        CHECK(left_alone(stage));
        CHECK(!did(stage, "done compare-disks"));
    }
}

TEST_CASE("a guest of which the source has something again is not resumed") {
    for (const auto state :
         {GuestState::running, GuestState::paused, GuestState::unreachable, GuestState::incoming}) {
        Stage stage;
        stage.world.source = state;
        stage.world.destination = GuestState::paused;
        ArrivalRules rules{"host1", "host2", plan_with_disks().call.volumes, true, {}};
        const auto arrival = let_in(rules, stage.edges);
        CHECK(!arrival.goes_on);
        CHECK(left_alone(stage));
        CHECK(has(arrival.reason, std::string(name_of(state))));
    }
}

TEST_CASE("a guest of which the destination does not tell is not said to have been let in") {
    for (const auto state : {GuestState::unreachable, GuestState::absent, GuestState::shut_off,
                             GuestState::incoming}) {
        Stage stage;
        stage.world.source = GuestState::absent;
        stage.world.destination = state;
        const auto arrival =
            let_in({"host1", "host2", plan_with_disks().call.volumes, true, {}}, stage.edges);
        CHECK(!arrival.goes_on);
        CHECK(!arrival.may_remove_source_disks);
        CHECK(stage.world.transcript.empty());
        CHECK(has(arrival.reason, std::string(name_of(state))));
    }
}

TEST_CASE("a guest that was paused, or is to be, stays so") {
    for (const bool asked : {true, false}) {
        auto plan = plan_with_disks();
        plan.request.suspend = asked;
        plan.guest.state = asked ? GuestState::running : GuestState::paused;
        Stage stage;
        const auto record = moved(stage, plan);
        CHECK(record.outcome == Outcome::moved);
        CHECK(!did(stage, "resume the guest"));
        CHECK(did(stage, "compare disk vdb"));
        CHECK(did(stage, "remove volume /new/vda on source"));
        Stage later;
        CHECK(recovered(later, died(std::nullopt, Phase::handover, plan)).outcome ==
              Outcome::moved);
        CHECK(later.world.destination == GuestState::paused);
        CHECK(did(later, "remove volume /new/vda on source"));
    }
}

TEST_CASE("recover compares what nobody had compared to the end, and lets the guest run") {
    Stage stage;
    const auto record = recovered(stage, died());
    CHECK(record.outcome == Outcome::moved);
    CHECK(stage.world.destination == GuestState::running);
    CHECK(when(stage, "compare disk vdb") < when(stage, "resume the guest on destination"));
    CHECK(did(stage, "remove volume /new/vda on source"));
    REQUIRE(record.measures.disks);
    CHECK(record.measures.disks->mismatches == 0);

    Stage other;
    other.world.differs = "vda";
    CHECK(recovered(other, died()).outcome == Outcome::unknown);
    CHECK(left_alone(other));
}

TEST_CASE(
    "recover lets a guest run whose disks were found to be equal, without reading them again") {
    Stage stage;
    CHECK(recovered(stage, died(found(DiskFinding::equal))).outcome == Outcome::moved);
    CHECK(stage.world.destination == GuestState::running);
    CHECK(!did(stage, "compare disk"));
    CHECK(did(stage, "remove volume /new/vda on source"));
}

TEST_CASE("recover never lets a guest run whose disks were found to differ") {
    Stage stage;
    const auto record = recovered(stage, died(found(DiskFinding::differ)));
    CHECK(record.outcome == Outcome::unknown);
    CHECK(has(record.reason, "disk vdb differs from byte 4096 on"));
    CHECK(left_alone(stage));
    CHECK(!did(stage, "compare disk"));
}

TEST_CASE("a person lets it run: the source's disks stay, and are named") {
    for (const auto& known :
         {std::optional<DiskCheck>(), std::optional(found(DiskFinding::differ))}) {
        Stage stage;
        stage.world.destination = GuestState::running;
        const auto record = recovered(stage, died(known));
        CHECK(record.outcome == Outcome::moved_with_problems);
        REQUIRE(record.problems.size() == 2);
        CHECK(has(record.problems[0], "volume /old/vda is left on host1: "));
        CHECK(!did(stage, "remove volume"));
        CHECK(did(stage, "network commit"));
    }
}

TEST_CASE("a guest that has run there and stands still is none that waits for its disks") {
    Stage stage;
    const auto record = recovered(stage, died(found(DiskFinding::equal), Phase::switched));
    CHECK(record.outcome == Outcome::unknown);
    CHECK(left_alone(stage));
}

TEST_CASE("what was found is read as it was written, and nothing else is") {
    const auto check = disk_check_from(to_text(found(DiskFinding::differ)));
    CHECK(check.finding == DiskFinding::differ);
    CHECK(check.what == found(DiskFinding::differ).what);
    CHECK(check.measures.compared == mebibytes(128));
    CHECK(check.measures.mismatches == 1);
    CHECK(check.measures.took == seconds(1));
    for (const auto* text : {"", "equal", "[]", R"({"finding":"fine"})"}) {
        CHECK(disk_check_from(text).finding == DiskFinding::not_known);
    }
}
