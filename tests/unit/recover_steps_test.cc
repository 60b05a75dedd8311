// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_history
// LABELS: unit
//
// A process may die after each step of its journal was intended, and after it was done. What
// recover does then is in the table of vmigrate-recover(1), and here it is held against it: the
// steps are those that the runner writes, cut off there.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

#include "fakes.h"
#include "history/unfinished.h"
#include "manual_tables.h"

using namespace vmigrate;
using namespace vmigrate::test;

namespace {

constexpr std::array kSteps = {Step::lock_network,  Step::save_originals, Step::make_volume,
                               Step::migrate,       Step::compare_disks,  Step::restore_originals,
                               Step::commit_network};

/// Keeps the steps as the history does.
class RecordingJournal final : public Journal {
  public:
    Result<std::int64_t> begin(const Plan&) override { return 1; }
    Result<void> intend(Step step, const std::string& detail) override {
        rows.push_back({static_cast<std::int64_t>(rows.size()) + 1, step, false, detail});
        return {};
    }
    Result<void> done(Step step, const std::string& detail) override {
        const auto row = std::ranges::find_if(
            rows, [step](const auto& each) { return each.step == step && !each.done; });
        REQUIRE(row != rows.end());
        row->done = true;
        if (!detail.empty()) {
            row->detail = detail;
        }
        return {};
    }
    Result<void> phase(Phase, std::string_view) override { return {}; }
    Result<void> sample(const Sample&, unsigned, const Forecast&) override { return {}; }
    Result<void> note(std::string_view) override { return {}; }
    Result<void> finish(const Record&) override { return {}; }
    bool abort_requested() override { return false; }
    std::vector<TuneRequest> tune_requests() override { return {}; }
    Result<void> answer(const TuneRequest&, const TuneAnswer&) override { return {}; }

    std::vector<history::StepRow> rows;
};

enum class Course { moves, fails, moves_verified };

Plan plan_with_disk(Course course = Course::moves) {
    Plan plan;
    plan.call.verify_disks = plan.call.paused = course == Course::moves_verified;
    plan.guest.ref = {"11111111-aaaa-bbbb-cccc-222222222222", "web1"};
    plan.guest.state = GuestState::running;
    plan.call.remove_source_disks = true;
    plan.call.volumes.push_back({"vda", "/old/a.img", "/new/a.img", "raw", mebibytes(64)});
    return plan;
}

/// All steps of a migration that moves the guest, or fails.
std::vector<history::StepRow> steps_of_run(Course course) {
    const bool moves = course != Course::fails;
    Stage stage;
    RecordingJournal journal;
    const auto error =
        moves ? std::optional<Error>() : Error{ErrorKind::hypervisor, "out of memory"};
    stage.events.at(
        seconds(1), Event{CallReturned{error}, Side::source, {}}, [course](World& world) {
            world.job = false;
            world.source = course == Course::fails ? GuestState::running : GuestState::absent;
            world.destination = course == Course::moves   ? GuestState::running
                                : course == Course::fails ? GuestState::absent
                                                          : GuestState::paused;
        });
    const auto record = run(
        plan_with_disk(course),
        {stage.hypervisor, stage.network, journal, stage.status, stage.events, stage.world.clock});
    REQUIRE(record);
    REQUIRE(record->outcome == (moves ? Outcome::moved : Outcome::failed_on_source));
    return journal.rows;
}

/// As the history has it of a process that died after that step.
history::Story story(Course course, std::vector<history::StepRow> steps, std::size_t last,
                     bool done) {
    history::Story story;
    story.entry.id = 1;
    story.plan_json = line(to_json(plan_with_disk(course)));
    steps.resize(last + 1);
    if (!done) {
        steps.back().done = false;
        if (steps.back().step == Step::save_originals) {
            steps.back().detail.clear();  // they were not known yet
        }
    }
    story.steps = std::move(steps);
    return story;
}

using Deeds = std::set<std::string>;

/// What recover did, in the words of the manual.
Deeds deeds_in(const Stage& stage) {
    const std::map<std::string, std::string> words = {
        {"network rollback", "network"},
        {"restore originals on source", "settings"},
        {"remove volume /new/a.img on destination", "volume"},
        {"remove volume /new/a.img on destination if unwritten", "volume if unwritten"},
        {"network commit", "network on"},
        {"network drain", "drain"},
        {"remove volume /new/a.img on source", "old volumes"}};
    Deeds deeds;
    for (const auto& said : stage.world.transcript) {
        const auto call = said.substr(7);
        const bool is_journal = call.starts_with("intend ") || call.starts_with("done ") ||
                                call.starts_with("phase ") || call.starts_with("finish ") ||
                                call.starts_with("notice: ");
        if (!is_journal) {
            const auto known = words.find(call);
            deeds.insert(known == words.end() ? call : known->second);
        }
    }
    return deeds;
}

Deeds listed(const std::string& cell) {
    Deeds deeds;
    const std::string between = ", ";
    for (std::size_t begin = 0; begin < cell.size();) {
        const auto end = std::min(cell.find(between, begin), cell.size());
        deeds.insert(cell.substr(begin, end - begin));
        begin = end + between.size();
    }
    return deeds;
}

Deeds taken_back(Step step, bool done) {
    for (const auto& row : table_of("man/vmigrate-recover.1", "steps")) {
        if (row.at(0) == name_of(step) && row.at(1) == (done ? "done" : "intended")) {
            return listed(row.at(2));
        }
    }
    FAIL("not in the manual: " << name_of(step) << (done ? ", done" : ", intended"));
    return {};
}

/// Calls `check` with each place where a process may die.
using AtStep = std::function<void(const history::StepRow&, const Unfinished&)>;
void at_each_step(std::initializer_list<Course> courses, const AtStep& check) {
    std::set<std::pair<Step, bool>> seen;
    for (const auto course : courses) {
        const auto steps = steps_of_run(course);
        for (std::size_t last = 0; last < steps.size(); ++last) {
            for (const bool done : {false, true}) {
                const auto cut = story(course, steps, last, done);
                const auto unfinished = history::unfinished_from(cut);
                REQUIRE(unfinished);
                const std::string name(name_of(cut.steps.back().step));
                CAPTURE(name);
                CAPTURE(done);
                check(cut.steps.back(), *unfinished);
                seen.insert({cut.steps.back().step, done});
            }
        }
    }
    const bool compares = std::ranges::find(courses, Course::moves_verified) != courses.end();
    CHECK(seen.size() == 2 * (kSteps.size() - (compares ? 0 : 1)));
}

}  // namespace

TEST_CASE("the guest stays: what the manual says is taken back, no more and no less") {
    at_each_step({Course::moves, Course::fails, Course::moves_verified},
                 [](const history::StepRow& last, const Unfinished& unfinished) {
                     Stage stage;
                     const auto record = recover(unfinished, {}, stage.edges);
                     REQUIRE(record);
                     CHECK(record->outcome == Outcome::failed_on_source);
                     CHECK(record->problems.empty());
                     CHECK(deeds_in(stage) == taken_back(last.step, last.done));
                 });
}

TEST_CASE("a guest that ends before its call is not said to run on the source") {
    Stage stage;
    stage.world.source = GuestState::shut_off;
    stage.world.failing_call = 13;  // the start
    const auto record = run(plan_with_disk(), stage.edges);
    REQUIRE(record);
    REQUIRE(std::ranges::any_of(stage.world.transcript, [](const std::string& said) {
        return said.find("start: ") != std::string::npos && said.ends_with("-> fails");
    }));
    CHECK(record->outcome == Outcome::unknown);
    CHECK(record->reason.find("runs nowhere") != std::string::npos);
    CHECK(deeds_in(stage).contains("volume"));
}

TEST_CASE("the guest has moved: finished forward, whatever the last step was") {
    at_each_step({Course::moves, Course::fails},
                 [](const history::StepRow&, const Unfinished& unfinished) {
                     Stage stage;
                     stage.world.source = GuestState::absent;
                     stage.world.destination = GuestState::running;
                     const auto record = recover(unfinished, {}, stage.edges);
                     REQUIRE(record);
                     CHECK(record->outcome == Outcome::moved);
                     CHECK(deeds_in(stage) == Deeds{"network on", "old volumes", "drain"});
                 });
}

TEST_CASE("nobody can tell: nothing is done, whatever the last step was") {
    at_each_step({Course::moves, Course::fails, Course::moves_verified},
                 [](const history::StepRow&, const Unfinished& unfinished) {
                     Stage stage;
                     stage.world.source = GuestState::unreachable;
                     stage.world.destination = GuestState::unreachable;
                     stage.world.job = std::nullopt;
                     const auto record = recover(unfinished, {}, stage.edges);
                     REQUIRE(record);
                     CHECK(record->outcome == Outcome::unknown);
                     CHECK(deeds_in(stage).empty());
                 });
}

TEST_CASE("a recover that is killed, and the next one") {
    at_each_step({Course::moves, Course::fails, Course::moves_verified},
                 [](const history::StepRow&, const Unfinished& unfinished) {
                     Stage stage;
                     REQUIRE(recover(unfinished, {}, stage.edges));
                     const auto first = deeds_in(stage);
                     stage.world.transcript.clear();
                     const auto again = recover(unfinished, {}, stage.edges);
                     REQUIRE(again);
                     CHECK(again->outcome == Outcome::failed_on_source);
                     CHECK(deeds_in(stage) == first);
                 });
}

TEST_CASE("a damaged plan counts as one with the defaults") {
    for (const auto* plan :
         {"", "[]", "{", R"({"call":7,"asked":[],"guest_state":null,"paused_on_purpose":"yes"})",
          R"({"call":{"volumes":{},"undefine_source":"no","remove_source_disks":1}})"}) {
        history::Story story;
        story.plan_json = plan;
        CAPTURE(plan);
        const auto unfinished = history::unfinished_from(story);
        REQUIRE(unfinished);
        CHECK(unfinished->before == GuestState::running);
        CHECK(!unfinished->paused_on_purpose);
        CHECK(!unfinished->remains.keeps_definition);
        CHECK(unfinished->remains.volumes.empty());
    }
}
