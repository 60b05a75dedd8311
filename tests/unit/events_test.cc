// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit threads
#include <doctest/doctest.h>

#include <thread>

#include "orchestrator/events.h"

using namespace vmigrate;

TEST_CASE("events from several threads all arrive, each thread's in order") {
    EventQueue queue;
    constexpr std::uint32_t kEach = 2000;
    std::vector<std::jthread> threads;
    for (const auto side : {Side::source, Side::destination}) {
        threads.emplace_back([&queue, side] {
            for (std::uint32_t i = 0; i < kEach; ++i) {
                queue.push({IterationStarted{i}, side, {}});
            }
        });
    }
    std::uint32_t next[2] = {0, 0};
    for (std::uint32_t i = 0; i < 2 * kEach; ++i) {
        const auto event = queue.next(SystemClock().now() + seconds(10));
        REQUIRE(event);
        auto& expected = next[event->side == Side::source ? 0 : 1];
        CHECK(std::get<IterationStarted>(event->what).iteration == expected++);
    }
    CHECK(!queue.next(SystemClock().now()));
}

TEST_CASE("waiting ends at the deadline") {
    EventQueue queue;
    const SystemClock clock;
    const auto deadline = clock.now() + milliseconds(20);
    CHECK(!queue.next(deadline));
    CHECK(clock.now() >= deadline);
}
