// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/background.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "cli/exit_code.h"
#include "handover/program.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kToStart{1000};
constexpr auto kSystemd = "/run/systemd/system";
constexpr auto kSystemdRun = "/usr/bin/systemd-run";

/// A unit of systemd's has its namespaces, where hosts and files may have other names than here.
bool shares_namespaces_with_init() {
    constexpr std::array kNamespaces = {"net", "mnt", "pid"};
    return std::ranges::all_of(kNamespaces, [](const char* name) {
        struct stat own {};
        struct stat init {};
        return stat(fmt::format("/proc/self/ns/{}", name).c_str(), &own) == 0 &&
               stat(fmt::format("/proc/1/ns/{}", name).c_str(), &init) == 0 &&
               own.st_ino == init.st_ino;
    });
}

Result<void> start_unit(const Background& what, const std::vector<std::string>& command) {
    std::vector<std::string> words = {kSystemdRun,
                                      "--quiet",
                                      "--collect",
                                      "--no-block",
                                      "--unit=" + what.unit,
                                      "--description=" + what.description,
                                      "--"};
    words.insert(words.end(), command.begin(), command.end());
    const auto started = handover::run_program(words, "", kToStart);
    if (!started) {
        return fail(started.error());
    }
    if (started->code != 0) {
        return fail(ErrorKind::internal,
                    fmt::format("systemd-run ended with {}: {}", started->code, started->said));
    }
    return {};
}

/// After a fork of a process with threads: nothing here may take memory.
[[noreturn]] void become(char* const* argv, int nowhere, int output, int errors) {
    setsid();
    alarm(0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(nowhere, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);  // whatever else was open
    static_cast<void>(chdir("/") + 0);
    execv(argv[0], argv);
    _exit(kExitBlocked);
}

Result<pid_t> fork_and_run(std::vector<std::string> command, int output, int errors) {
    const int nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC);
    std::vector<char*> argv;
    for (auto& word : command) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        become(argv.data(), nowhere, output, errors);
    }
    const int error = errno;
    close(nowhere);
    return child > 0
               ? Result<pid_t>(child)
               : fail(ErrorKind::internal, fmt::format("cannot fork: {}", std::strerror(error)));
}

/// It belongs to nobody.
Result<void> start_alone(std::vector<std::string> command, const std::string& path) {
    const int log = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0) {
        return fail(ErrorKind::config,
                    fmt::format("cannot write {}: {}", quoted(path), std::strerror(errno)));
    }
    const auto child = fork_and_run(std::move(command), log, log);
    close(log);
    return child ? Result<void>() : fail(child.error());
}

Result<std::vector<std::string>> self_with(const std::vector<std::string>& words) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) {
        return fail(ErrorKind::internal, "cannot find the program itself: " + error.message());
    }
    std::vector<std::string> command = {self.string()};
    command.insert(command.end(), words.begin(), words.end());
    return command;
}

}  // namespace

Result<void> start_in_background(const Background& what) {
    auto command = self_with(what.words);
    if (!command) {
        return fail(command.error());
    }
    std::error_code error;
    const bool systemd =
        std::filesystem::is_directory(kSystemd, error) && shares_namespaces_with_init();
    // not every user may start one
    if (systemd && start_unit(what, *command)) {
        return {};
    }
    return start_alone(std::move(*command), what.log);
}

Result<int> start_in_own_session(const std::vector<std::string>& words, int output, int errors) {
    auto command = self_with(words);
    return command ? fork_and_run(std::move(*command), output, errors) : fail(command.error());
}

}  // namespace vmigrate::cli
