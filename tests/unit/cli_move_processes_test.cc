// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
//
// The processes are this test program itself, with arguments of its framework.
#include "cli/move_processes.h"

#include <doctest/doctest.h>

#include <csignal>
#include <thread>

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

using Ended = std::vector<MoveProcesses::Ended>;

/// The sleeper's process id, once it is there: it has forked, but perhaps not become the program
/// yet.
int pid_of_sleeper() {
    for (;;) {
        if (const auto pid = vmigrate_with("start", "uuid-of-sleeper")) {
            return *pid;
        }
    }
}

/// What ended() gives first, within a long time.
Ended first_of(MoveProcesses& processes) {
    return processes.ended(std::chrono::steady_clock::now() + std::chrono::minutes(1));
}

const std::vector<std::string> kSleeper = {"start", "uuid-of-sleeper", "--no-skip",
                                           "--test-case=runs for a while"};

}  // namespace

TEST_CASE("runs for a while" * doctest::skip()) {
    std::this_thread::sleep_for(std::chrono::minutes(1));
}

TEST_CASE("exit code and words of a process are told once") {
    MoveProcesses processes;
    REQUIRE(processes.start("web", {"--version"}));
    CHECK(processes.running("web"));
    const auto ended = first_of(processes);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].key == "web");
    CHECK(ended[0].exit_code == 0);
    CHECK(ended[0].output.find("doctest version") != std::string::npos);
    CHECK_FALSE(processes.running("web"));
    CHECK(processes.ended(std::chrono::steady_clock::now()).empty());
}

TEST_CASE("a process that was killed says so, and nobody waits longer than wanted") {
    MoveProcesses processes;
    REQUIRE(processes.start("web", kSleeper));
    CHECK(processes.ended(std::chrono::steady_clock::now() + milliseconds(1)).empty());
    REQUIRE(kill(pid_of_sleeper(), SIGKILL) == 0);
    const auto ended = first_of(processes);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].exit_code == 128 + SIGKILL);
}

TEST_CASE("a process of another manager is found by its arguments, and waited for") {
    MoveProcesses other;
    REQUIRE(other.start("uuid-of-sleeper", kSleeper));
    const int pid = pid_of_sleeper();
    MoveProcesses processes;
    processes.adopt("uuid-of-sleeper", "start");
    CHECK(processes.ended(std::chrono::steady_clock::now()).empty());
    REQUIRE(kill(pid, SIGKILL) == 0);
    const auto ended = first_of(processes);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].key == "uuid-of-sleeper");
    CHECK_FALSE(ended[0].exit_code);
    CHECK(first_of(other)[0].exit_code == 128 + SIGKILL);
}

TEST_CASE("one that is gone has ended at once") {
    MoveProcesses processes;
    processes.adopt("uuid-of-nobody", "start");
    const auto ended = first_of(processes);
    REQUIRE(ended.size() == 1);
    CHECK_FALSE(ended[0].exit_code);
    CHECK_FALSE(vmigrate_with("start", "uuid-of-nobody"));
}
