// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of the history share: a clock that stands still, a plan,
// and children whose words reach the test.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "history/store.h"
#include "temporary_folder.h"

namespace vmigrate::history {

class HandClock final : public Clock {
  public:
    TimePoint now() const override { return TimePoint(since_start_); }
    WallTime wall() const override { return WallTime(std::chrono::hours(470000)) + since_start_; }
    void advance(microseconds time) { since_start_ += time; }

  private:
    microseconds since_start_{std::chrono::hours(1)};
};

inline Plan plan_of(const std::string& name, const std::string& uuid) {
    Plan plan;
    plan.guest.ref = {uuid, name};
    plan.source.name = "north";
    plan.destination.host.name = "south";
    plan.request.policy = "gentle";
    plan.request.options.blackout_ceiling = milliseconds(900);
    plan.call.downtime_limit = milliseconds(250);
    plan.prediction.total = milliseconds(12345);
    plan.prediction.blackout = milliseconds(87);
    plan.prediction.memory_sent = mebibytes(700);
    plan.prediction.disk_sent = mebibytes(30);
    return plan;
}

inline const std::string kUuid = "11111111-aaaa-bbbb-cccc-222222222222";
inline const std::string kOtherUuid = "33333333-aaaa-bbbb-cccc-444444444444";

/// A store that must open.
inline std::unique_ptr<Store> opened(const std::string& path, const Clock& clock,
                                     Store::Access access = Store::Access::read_write) {
    auto store = Store::open(path, access, clock);
    if (!store) {
        FAIL(store.error().message);
    }
    return std::move(*store);
}

template <class T>
std::string message_of(const Result<T>& result) {
    return result ? "no error" : result.error().message;
}

/// Runs `body` in a child process and returns what it returned; a child that died gives "died".
inline std::string said_by_child(const std::function<std::string()>& body) {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(ends[0]);
        const std::string said = body();
        const auto written = write(ends[1], said.data(), said.size());
        _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    close(ends[1]);
    std::string said;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = read(ends[0], buffer.data(), buffer.size())) > 0;) {
        said.append(buffer.data(), static_cast<std::size_t>(size));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "died";
}

}  // namespace vmigrate::history
