// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <regex>

#include "cli/checks.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/report.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

struct ManualClock final : Clock {
    TimePoint now() const override { return at; }
    WallTime wall() const override { return {}; }
    TimePoint at{};
};

/// A stream that is no terminal, and what was printed to it.
struct Plain {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::tmpfile(), std::fclose};
    std::string text() const {
        std::rewind(file.get());
        std::string result(4096, '\0');
        result.resize(std::fread(result.data(), 1, result.size(), file.get()));
        return result;
    }
};

Plan small_plan() {
    Plan plan;
    plan.guest.ref = {"uuid", "web'1"};
    plan.source.name = "a";
    plan.destination.host.name = "b";
    plan.checks.push_back({"cpu", Check::Verdict::passed, "the same", ""});
    return plan;
}

}  // namespace

TEST_CASE("exit codes") {
    const std::pair<ErrorKind, int> errors[] = {
        {ErrorKind::usage, 2},   {ErrorKind::config, 2},      {ErrorKind::not_found, 2},
        {ErrorKind::blocked, 3}, {ErrorKind::unreachable, 3}, {ErrorKind::denied, 3},
        {ErrorKind::busy, 3},    {ErrorKind::storage, 3},     {ErrorKind::hypervisor, 3},
        {ErrorKind::internal, 5}};
    for (const auto& [kind, code] : errors) {
        CHECK(exit_code(Error{kind, ""}) == code);
    }
    CHECK(exit_code(Outcome::moved) == 0);
    CHECK(exit_code(Outcome::moved_with_problems) == 4);
    CHECK(exit_code(Outcome::unknown) == 5);
    Record record;
    record.outcome = Outcome::failed_on_source;
    CHECK(exit_code(record) == 1);
    record.interrupted = true;
    CHECK(exit_code(record) == 130);
    record.outcome = Outcome::moved;
    CHECK(exit_code(record) == 0);
    auto plan = small_plan();
    CHECK(exit_code(plan) == 0);
    plan.prediction.converges = false;
    CHECK(exit_code(plan) == 7);
    plan.checks.push_back({"x", Check::Verdict::failed, "bad", "mend it"});
    CHECK(exit_code(plan) == 3);
}

TEST_CASE("without a terminal: a line at a new phase and at most one a second") {
    Plain plain;
    ManualClock clock;
    {
        TerminalLine line(plain.file.get());
        TerminalStatus status(line, clock);
        Progress progress;
        progress.phase = Phase::precopy;
        for (int i = 0; i < 30; ++i) {
            progress.percent = static_cast<unsigned>(i);
            status.progress(progress);
            clock.at += milliseconds(100);
        }
        progress.phase = Phase::handover;
        status.progress(progress);
    }
    const auto text = plain.text();
    CHECK(std::count(text.begin(), text.end(), '\n') == 4);
    CHECK(text.find('\r') == std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("precopy   20 %") != std::string::npos);
    CHECK(text.find("handover") != std::string::npos);
}

TEST_CASE("progress says what is known") {
    Progress progress;
    progress.phase = Phase::precopy;
    progress.percent = 45;
    progress.remaining = mebibytes(312);
    progress.iteration = 2;
    CHECK(progress_line(progress) == "precopy   45 %  312.0 MiB left  iteration 2");
    progress.dirty_rate = {mebibytes(12).count};
    progress.bandwidth = {mebibytes(98).count};
    progress.throttle_percent = 20;
    progress.forecast.eta = milliseconds(3500);
    progress.forecast.eta_low = milliseconds(3100);
    progress.forecast.eta_high = milliseconds(4000);
    CHECK(progress_line(progress) ==
          "precopy   45 %  312.0 MiB left  iteration 2  dirty 12.0 MiB/s  sending 98.0 MiB/s  "
          "throttled 20 %  ETA 3-4 s");
    progress.forecast = {};
    progress.forecast.endless = true;
    CHECK(progress_line(progress).ends_with("  throttled 20 %  no end in sight"));
}

TEST_CASE("a forecast is a range that rounding does not make narrower") {
    const auto text = [](int low, int high) {
        Forecast forecast;
        forecast.eta = forecast.eta_low = milliseconds(low);
        forecast.eta_high = milliseconds(high);
        return eta_text(forecast);
    };
    CHECK(text(100, 900) == "ETA 1 s");
    CHECK(text(8000, 8000) == "ETA 8 s");
    CHECK(text(8900, 11'100) == "ETA 8-12 s");
    CHECK(text(95'000, 120'000) == "ETA 95-120 s");
    CHECK(text(95'000, 121'000) == "ETA 1-3 m");
    CHECK(text(30'000, 600'000) == "ETA 1-10 m");
    CHECK(text(3'600'000, 7'200'001) == "ETA 1-3 h");
    Forecast open;
    CHECK(eta_text(open).empty());
    open.eta = open.eta_low = milliseconds(8500);
    CHECK(eta_text(open) == "ETA 8 s or more");
}

TEST_CASE("tables align by what is seen") {
    CHECK(table({{"a", "b"}, {"ärger", "x"}, {"", "y"}}) == "a      b\närger  x\n       y\n");
    CHECK(table({{coloured("ok", Colour::good, true), "x"}, {"bad", "y"}}, " ") ==
          " \x1b[32mok\x1b[0m   x\n bad  y\n");
    CHECK(coloured("ok", Colour::good, false) == "ok");
}

TEST_CASE("checks carry their fix") {
    const auto text = checks_text({{"cpu", Check::Verdict::failed, "it differs", "choose another"},
                                   {"memory", Check::Verdict::passed, "enough", ""}},
                                  false);
    CHECK(text ==
          "  FAILED  cpu     it differs\n                  fix: choose another\n"
          "  ok      memory  enough\n");
}

TEST_CASE("a report shows asked, predicted and measured; what is unknown says so") {
    auto plan = small_plan();
    plan.request.options.blackout_ceiling = milliseconds(500);
    plan.prediction.blackout = milliseconds(80);
    Measures measures;
    measures.blackout = microseconds(37200);
    const auto text = measures_text(measures, to_json(plan));
    CHECK(std::regex_search(text, std::regex("blackout +at most 500 ms +80 ms +37.2 ms")));
    CHECK(text.find("source not measured") != std::string::npos);
    CHECK(measures_text(measures, Json()).find("37.2 ms") != std::string::npos);
}

TEST_CASE("outcomes in words") {
    Record record;
    record.id = 7;
    record.outcome = Outcome::moved_with_problems;
    record.problems = {"the volume x is still there"};
    const auto plan = to_json(small_plan());
    CHECK(outcome_text(record, plan) ==
          "moved 'web\\'1' from a to b (migration 7)\nproblem: the volume x is still there\n");
    record.outcome = Outcome::failed_on_source;
    record.problems.clear();
    record.reason = "aborted";
    CHECK(outcome_text(record, plan) ==
          "'web\\'1' did not move, it is on a as before (migration 7): aborted\n");
}

TEST_CASE("doctor's view of a host") {
    HostAnswer answer;
    answer.access.name = "a";
    answer.access.uri = "qemu:///system";
    HostFacts facts;
    facts.hypervisor = "QEMU";
    facts.hostname = "localhost";
    answer.facts = facts;
    const auto failures = [&](bool alone) {
        std::vector<std::string> names;
        for (const auto& check : check_host(answer, alone)) {
            if (check.verdict == Check::Verdict::failed) {
                names.push_back(check.name);
                CHECK(!check.fix.empty());
            }
        }
        return names;
    };
    CHECK(failures(true).empty());
    CHECK(failures(false) == std::vector<std::string>{"a: peer-uri", "a: migration-host"});
    answer.access.peer_uri = "qemu+tls://a/system";
    answer.access.migration_host = "10.0.0.1";
    CHECK(failures(false).empty());
    answer.facts = fail(ErrorKind::unreachable, "no route");
    CHECK(failures(false) == std::vector<std::string>{"a: answer"});
}

TEST_CASE("two names for one libvirt") {
    HostFacts a;
    a.name = "a";
    HostFacts b;
    b.name = "b";
    Config config;
    config.path = "x.toml";
    CHECK(!twins({&a, &b}, config));
    a.uuid = b.uuid = "u";
    const auto error = twins({&a, &b}, config);
    REQUIRE(error);
    CHECK(error->kind == ErrorKind::blocked);
    CHECK(error->message.find("'a' and 'b'") != std::string::npos);
}
