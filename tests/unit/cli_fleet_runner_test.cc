// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli vmigrate_history
// LABELS: unit
//
// The runner with a fake world: moves are begun, shared, adopted and booked as the state machine
// says.
#include "cli/fleet_runner.h"

#include <deque>

#include "cli/evacuation_report.h"
#include "cli/exit_code.h"
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::cli;
using history::EvacuationKind;
using State = fleet::Standing::State;
using Lines = std::vector<std::string>;

namespace {

/// Moves end in the order in which they began, each as the next of `outcomes` says (moved, when
/// there is none), a second after the one before.
class FakeWorld final : public FleetWorld {
  public:
    explicit FakeWorld(history::HandClock& clock) : clock_(clock) {}

    Result<void> begin(const fleet::StartMove& move, const std::string& from) override {
        log.push_back(move.uuid + ": " + from + " to " + move.to);
        if (refuses-- > 0) {
            return fail(ErrorKind::internal, "cannot fork");
        }
        under_way_.push_back(move.uuid);
        return {};
    }
    void adopt(const history::EvacuationGuest& guest) override {
        log.push_back(guest.guest.uuid + ": adopted");
        under_way_.push_back(guest.guest.uuid);
    }
    void share(const std::string& /*uuid*/, BytesPerSecond /*bandwidth*/) override { ++shares; }
    void hurry(const std::string& /*uuid*/) override {}
    std::vector<fleet::Happening> wait(TimePoint until) override {
        if (dies_after && ended_ == *dies_after) {
            throw Killed{};
        }
        if (!happenings.empty() && (at_once || !under_way_.empty())) {
            auto happening = happenings.front();
            happenings.pop_front();
            return {happening};
        }
        if (under_way_.empty()) {
            clock_.advance(std::chrono::duration_cast<microseconds>(until - clock_.now()));
            return {};
        }
        clock_.advance(seconds(1));
        fleet::MoveEnded end{under_way_.front(), Outcome::moved, fleet::Trouble::none, ""};
        under_way_.pop_front();
        ++ended_;
        if (!outcomes.empty()) {
            end.outcome = outcomes.front();
            end.trouble = end.outcome == Outcome::failed_on_source ? fleet::Trouble::passing
                                                                   : fleet::Trouble::none;
            end.reason = "so it is";
            outcomes.pop_front();
        }
        return {end};
    }
    std::optional<std::int64_t> migration_of(const std::string& /*uuid*/) override { return {}; }

    struct Killed {};
    Lines log;
    int refuses = 0;
    int shares = 0;
    std::optional<int> dies_after;
    std::deque<Outcome> outcomes;
    std::deque<fleet::Happening> happenings;  ///< when the first move is under way, or
    bool at_once = false;

  private:
    history::HandClock& clock_;
    std::deque<std::string> under_way_;
    int ended_ = 0;
};

class LogView final : public FleetView {
  public:
    void begins(const fleet::Standing& /*guest*/, const fleet::StartMove& /*move*/) override {}
    void tries_again(const fleet::Standing& guest, const std::string& reason) override {
        log.push_back(guest.name + " again: " + reason);
    }
    void settled(const fleet::Standing& guest) override {
        log.push_back(guest.name + " " + std::string(fleet::name_of(guest.state)));
    }
    void notice(const std::string& text) override { log.push_back(text); }
    Lines log;
};

fleet::Guest guest(const std::string& name) {
    fleet::Guest result;
    result.uuid = name;
    result.name = name;
    result.host = "a";
    result.memory = mebibytes(64);
    result.load.to_send = mebibytes(64);
    return result;
}

fleet::Fleet fleet_of(const std::vector<std::string>& names) {
    fleet::Fleet fleet;
    for (const auto* name : {"a", "b"}) {
        fleet::Host host;
        host.name = name;
        host.memory_total = gibibytes(8);
        host.memory_free = gibibytes(4);
        fleet.hosts.push_back(host);
    }
    for (const auto& name : names) {
        fleet.guests.push_back(guest(name));
    }
    return fleet;
}

/// A history with one evacuation of host "a".
struct Scene {
    const TemporaryFolder folder;
    history::HandClock clock;
    std::unique_ptr<history::Store> store = history::opened(folder.file("history.db"), clock);
    std::unique_ptr<history::Evacuations> evacuations = store->evacuations();
    std::int64_t id = evacuations->begin(EvacuationKind::evacuate, "a", "{}").value();
    FakeWorld world{clock};
    LogView view;

    void run(const std::vector<std::string>& names) {
        fleet::Rules rules;
        rules.hosts = {"a"};
        rules.most_attempts = 3;
        const auto before = rows();
        std::vector<fleet::Standing> standings;
        for (const auto& row : before) {
            standings.push_back(standing_of(row).value());
        }
        fleet::Evacuation evacuation(rules, fleet_of(names), clock.now(), standings);
        FleetBook book(*evacuations, id);
        carry_out(evacuation, before, world, book, view, clock);
    }
    std::vector<history::EvacuationGuest> rows() { return evacuations->guests(id).value(); }
    std::string state(const std::string& uuid) {
        for (const auto& row : rows()) {
            if (row.guest.uuid == uuid) {
                return row.state;
            }
        }
        return "not in the book";
    }
};

}  // namespace

TEST_CASE("guests move one after another, and the book says where they are") {
    Scene scene;
    scene.run({"one", "two"});
    CHECK(scene.world.log == Lines{"one: a to b", "two: a to b"});
    CHECK(scene.view.log == Lines{"one moved", "two moved"});
    REQUIRE(scene.rows().size() == 2);
    CHECK(scene.rows()[0].to == "b");
    CHECK(scene.rows()[0].attempts == 1);
    CHECK(exit_code(scene.rows(), false) == kExitDone);
}

TEST_CASE("a move that fails is tried again, and what cannot begin has failed") {
    Scene scene;
    scene.world.refuses = 1;
    scene.world.outcomes = {Outcome::failed_on_source};
    scene.run({"one"});
    CHECK(scene.view.log == Lines{"one again: cannot fork", "one again: so it is", "one moved"});
    CHECK(scene.rows()[0].attempts == 3);
}

TEST_CASE("attempts come to an end") {
    Scene scene;
    scene.world.outcomes = {Outcome::failed_on_source, Outcome::failed_on_source,
                            Outcome::failed_on_source};
    scene.run({"one"});
    CHECK(scene.state("one") == "failed-on-source");
    CHECK(exit_code(scene.rows(), false) == kExitStays);
}

TEST_CASE("an unknown state is not touched again") {
    Scene scene;
    scene.world.outcomes = {Outcome::unknown};
    scene.run({"one", "two"});
    CHECK(scene.state("one") == "unknown");
    CHECK(scene.state("two") == "moved");
    CHECK(exit_code(scene.rows(), false) == kExitUnknown);
}

TEST_CASE("when it was killed, another one goes on: what moved is waited for, verdicts stay") {
    Scene scene;
    scene.world.dies_after = 1;
    CHECK_THROWS_AS(scene.run({"one", "two", "three"}), FakeWorld::Killed);
    CHECK(scene.state("one") == "moved");
    CHECK(scene.state("two") == "moving");
    CHECK(scene.state("three") == "waiting");

    scene.world.dies_after.reset();
    scene.world.log.clear();
    scene.view.log.clear();
    FakeWorld other(scene.clock);
    {
        fleet::Rules rules;
        rules.hosts = {"a"};
        auto fleet = fleet_of({"one", "two", "three"});
        fleet.guests[0].host = "b";
        std::vector<fleet::Standing> standings;
        for (const auto& row : scene.rows()) {
            standings.push_back(standing_of(row).value());
        }
        fleet::Evacuation evacuation(rules, fleet, scene.clock.now(), standings);
        FleetBook book(*scene.evacuations, scene.id);
        carry_out(evacuation, scene.rows(), other, book, scene.view, scene.clock);
    }
    CHECK(other.log == Lines{"two: adopted", "three: a to b"});
    CHECK(scene.view.log == Lines{"two moved", "three moved"});
    CHECK(exit_code(scene.rows(), false) == kExitDone);
}

TEST_CASE("cancelled, no other move begins") {
    Scene scene;
    scene.world.happenings = {fleet::CancelRequested{}};
    scene.run({"one", "two"});
    CHECK(scene.world.log == Lines{"one: a to b"});
    CHECK(scene.state("one") == "moved");
    CHECK(scene.state("two") == "cancelled");
    CHECK(exit_code(scene.rows(), false) == kExitPartly);
    CHECK(exit_code(scene.rows(), true) == kExitInterrupted);
}

TEST_CASE("cancelled before it begins, nobody moves") {
    Scene scene;
    scene.world.happenings = {fleet::CancelRequested{}};
    scene.world.at_once = true;
    scene.run({"one", "two"});
    CHECK(scene.world.log.empty());
    CHECK(scene.state("one") == "cancelled");
    CHECK(exit_code(scene.rows(), false) == kExitBlocked);
}

TEST_CASE("who comes meanwhile leaves, too") {
    Scene scene;
    scene.world.happenings = {fleet::GuestSeen{guest("late")}};
    scene.run({"one"});
    CHECK(scene.world.log == Lines{"one: a to b", "late: a to b"});
    CHECK(scene.rows().size() == 2);
}

TEST_CASE("exit codes of an evacuation") {
    const auto rows = [](const std::vector<std::pair<State, unsigned>>& guests) {
        std::vector<history::EvacuationGuest> result;
        for (const auto& [state, attempts] : guests) {
            result.push_back(
                {{"u", "n"}, "a", "b", std::string(fleet::name_of(state)), attempts, "", {}});
        }
        return result;
    };
    CHECK(exit_code(rows({}), false) == kExitDone);
    CHECK(exit_code(rows({{State::left, 0}}), false) == kExitDone);
    CHECK(exit_code(rows({{State::moved, 1}, {State::moved_with_problems, 1}}), false) ==
          kExitProblems);
    CHECK(exit_code(rows({{State::unmovable, 0}, {State::late, 0}}), false) == kExitBlocked);
    CHECK(exit_code(rows({{State::unmovable, 0}, {State::moved, 1}}), false) == kExitPartly);
    CHECK(exit_code(rows({{State::unmovable, 0}, {State::failed_on_source, 4}}), false) ==
          kExitStays);
    CHECK(exit_code(rows({{State::unknown, 1}, {State::moved, 1}}), true) == kExitUnknown);
    history::EvacuationGuest stopped{{"u", "n"}, "a", "", kStopped, 0, "", {}};
    CHECK(exit_code({stopped}, false) == kExitDone);
    auto guests = rows({{State::moved, 1}, {State::unmovable, 0}});
    guests.push_back(stopped);
    CHECK(exit_code(guests, false) == kExitPartly);
}
