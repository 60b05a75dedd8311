// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/question.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace vmigrate::cli {
namespace {

bool means_yes(std::string line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) {
        line.pop_back();
    }
    return line == "y" || line == "Y" || line == "yes" || line == "Yes" || line == "YES";
}

}  // namespace

bool TerminalQuestion::possible() {
    return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 &&
           tcgetpgrp(STDIN_FILENO) == getpgrp();
}

TerminalQuestion::TerminalQuestion(int input, EventQueue& events)
    : input_(input), events_(events) {}

TerminalQuestion::~TerminalQuestion() {
    end();
}

void TerminalQuestion::end() {
    if (thread_.joinable()) {
        eventfd_write(stop_, 1);
        thread_.join();
    }
    if (stop_ >= 0) {
        close(std::exchange(stop_, -1));
    }
}

bool TerminalQuestion::ask(milliseconds time_limit) {
    end();
    // sent to the background since: its read would stop the process
    if (isatty(input_) == 1 && tcgetpgrp(input_) != getpgrp()) {
        return false;
    }
    tcflush(input_, TCIFLUSH);
    stop_ = eventfd(0, EFD_CLOEXEC);
    if (stop_ < 0) {
        return false;
    }
    thread_ = std::thread([this, time_limit] { wait(time_limit); });
    return true;
}

void TerminalQuestion::wait(milliseconds time_limit) {
    const auto deadline = std::chrono::steady_clock::now() + time_limit;
    std::array<pollfd, 2> sources = {{{input_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    for (;;) {
        const auto left =
            std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return;
        }
        const int ready = poll(sources.data(), sources.size(), static_cast<int>(left.count()));
        if (ready > 0 && sources[1].revents != 0) {
            return;
        }
        if (ready <= 0 || sources[0].revents == 0) {
            continue;
        }
        // a terminal gives whole lines
        std::array<char, 256> text{};
        const auto got = read(input_, text.data(), text.size());
        const bool yes =
            got > 0 && means_yes(std::string(text.data(), static_cast<std::size_t>(got)));
        events_.push(
            {Answered{yes}, Side::source, {std::nullopt, std::chrono::steady_clock::now()}});
        return;
    }
}

}  // namespace vmigrate::cli
