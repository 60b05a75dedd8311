// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include "cli/move_end.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::cli;
using fleet::Trouble;

namespace {

/// A refused plan, as `start --json` prints it, with these checks failed.
MoveTrace refused(const std::vector<std::string>& checks) {
    std::string text = R"({"guest":"web","checks":[{"name":"cpu","verdict":"passed"})";
    for (const auto& name : checks) {
        text += R"(,{"name":")" + name + R"(","verdict":"failed","finding":"because of )" + name +
                R"("})";
    }
    return {3, text + "]}\n", "vmigrate: " + (checks.empty() ? "busy" : checks.front()) + "\n", {}};
}

MoveTrace ended(std::optional<Outcome> outcome, const std::string& reason = "") {
    history::Entry entry;
    entry.id = 7;
    entry.outcome = outcome;
    entry.reason = reason;
    return {1, "", "", entry};
}

Trouble trouble(const MoveTrace& trace) {
    const auto end = move_ended("u", trace);
    CHECK(end.uuid == "u");
    CHECK(end.outcome == Outcome::failed_on_source);
    return end.trouble;
}

}  // namespace

TEST_CASE("what a check says decides whether another host, or another time, would do") {
    CHECK(trouble(refused({"destination-memory"})) == Trouble::destination);
    CHECK(trouble(refused({"disk vda"})) == Trouble::destination);
    CHECK(trouble(refused({"guest-idle"})) == Trouble::passing);
    CHECK(trouble(refused({"lease"})) == Trouble::passing);
    CHECK(trouble(refused({"devices"})) == Trouble::guest);
    CHECK(trouble(refused({"guest-idle", "cpu"})) == Trouble::destination);
    CHECK(trouble(refused({"cpu", "devices", "lease"})) == Trouble::guest);
    CHECK(move_ended("u", refused({"cpu"})).reason == "cpu: because of cpu");
}

TEST_CASE("without a plan it is the host if that is silent, else it may pass") {
    auto trace = refused({});
    trace.output = "";
    CHECK(trouble(trace) == Trouble::passing);
    CHECK(move_ended("u", trace).reason == "busy");
    trace.destination_answers = false;
    CHECK(trouble(trace) == Trouble::destination);
    trace.output = "no JSON";
    CHECK(trouble(trace) == Trouble::destination);
}

TEST_CASE("exit codes from before the move began") {
    CHECK(trouble({2, "", "vmigrate: no policy\n", {}}) == Trouble::guest);
    CHECK(trouble({7, "{}", "vmigrate: will not converge\n", {}}) == Trouble::passing);
    CHECK(trouble({137, "", "", {}}) == Trouble::passing);
    CHECK(trouble({{}, "", "", {}}) == Trouble::passing);
    CHECK(move_ended("u", {{}, "", "", {}}).reason == "its process ended before the move began");
}

TEST_CASE("what the history says of a migration is what counts") {
    CHECK(move_ended("u", ended(Outcome::moved)).outcome == Outcome::moved);
    CHECK(trouble(ended(Outcome::failed_on_source, "timeout")) == Trouble::passing);
    CHECK(move_ended("u", ended(Outcome::failed_on_source, "timeout")).reason == "timeout");
    CHECK(trouble(ended(Outcome::failed_on_source, "aborted by 'vmigrate abort'")) ==
          Trouble::guest);
    auto silent = ended(Outcome::failed_on_source, "connection lost");
    silent.destination_answers = false;
    CHECK(trouble(silent) == Trouble::destination);

    auto problems = ended(Outcome::moved_with_problems);
    problems.entry->problems = {"a volume is left", "a relay is left"};
    CHECK(move_ended("u", problems).outcome == Outcome::moved_with_problems);
    CHECK(move_ended("u", problems).reason == "a volume is left; a relay is left");

    CHECK(move_ended("u", ended(Outcome::unknown, "ask both")).outcome == Outcome::unknown);
    const auto open = move_ended("u", ended({}));
    CHECK(open.outcome == Outcome::unknown);
    CHECK(open.reason == "migration 7 has no outcome: run 'vmigrate recover 7'");
}
