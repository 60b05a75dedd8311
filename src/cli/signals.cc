// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "cli/arguments.h"
#include "cli/exit_code.h"

namespace vmigrate::cli {
namespace {

sigset_t endings() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        sigaddset(&set, number);
    }
    return set;
}

std::string_view name_of_signal(unsigned number) {
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

}  // namespace

Interrupts::Interrupts() {
    const auto set = endings();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    signals_ = signalfd(-1, &set, SFD_CLOEXEC);
    stop_ = eventfd(0, EFD_CLOEXEC);
    thread_ = std::thread([this] { watch(); });
}

Interrupts::~Interrupts() {
    eventfd_write(stop_, 1);
    thread_.join();
    close(signals_);
    close(stop_);
}

void Interrupts::abort_through(EventQueue* events) {
    const std::lock_guard lock(mutex_);
    events_ = events;
}

void Interrupts::watch() {
    std::array<pollfd, 2> sources = {{{signals_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    for (;;) {
        const int ready = poll(sources.data(), sources.size(), -1);
        if (ready > 0 && sources[1].revents != 0) {
            return;
        }
        signalfd_siginfo info{};
        if (ready > 0 && read(signals_, &info, sizeof info) == sizeof info) {
            signalled(name_of_signal(info.ssi_signo));
        }
    }
}

void Interrupts::signalled(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (events_ == nullptr) {
        print_error(fmt::format("{}: nothing was touched", name));
        std::fflush(stdout);
        _exit(kExitInterrupted);
    }
    events_->push({AbortRequested{true, std::string(name)},
                   Side::source,
                   {std::nullopt, std::chrono::steady_clock::now()}});
}

}  // namespace vmigrate::cli
