// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit threads
#include "cli/question.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

/// What is said when `typed` comes while the question is open; nullptr closes the input.
std::optional<bool> answer_to(const char* typed, milliseconds limit = seconds(20)) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    EventQueue events;
    std::optional<Event> event;
    {
        TerminalQuestion question(pipe[0], events);
        REQUIRE(question.ask(limit));
        if (typed == nullptr) {
            close(std::exchange(pipe[1], -1));
        } else if (const std::string_view text(typed); !text.empty()) {
            REQUIRE(write(pipe[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        }
        const auto patience = typed != nullptr && *typed == '\0' ? limit + milliseconds(50) : limit;
        event = events.next(std::chrono::steady_clock::now() + patience);
    }
    close(pipe[0]);
    if (pipe[1] >= 0) {
        close(pipe[1]);
    }
    if (!event) {
        return std::nullopt;
    }
    REQUIRE(std::holds_alternative<Answered>(event->what));
    return std::get<Answered>(event->what).yes;
}

}  // namespace

TEST_CASE("only a yes is a yes") {
    CHECK(answer_to("y\n") == true);
    CHECK(answer_to("yes\r\n") == true);
    CHECK(answer_to("n\n") == false);
    CHECK(answer_to("\n") == false);
    CHECK(answer_to("yesterday\n") == false);
    CHECK(answer_to(nullptr) == false);
}

TEST_CASE("no answer is none, and nobody waits for it") {
    CHECK(answer_to("", milliseconds(50)) == std::nullopt);
    EventQueue events;
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const auto begin = std::chrono::steady_clock::now();
    {
        TerminalQuestion question(pipe[0], events);
        REQUIRE(question.ask(std::chrono::hours(1)));
        REQUIRE(question.ask(std::chrono::hours(1)));  // a new one replaces it
    }
    CHECK(std::chrono::steady_clock::now() - begin < seconds(20));
    close(pipe[0]);
    close(pipe[1]);
}
