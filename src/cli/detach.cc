// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/detach.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/exit_code.h"

namespace vmigrate::cli {
namespace {

std::atomic<pid_t> the_child{0};

/// The child has a session of its own, so what the terminal sends reaches only the parent.
void forward(int number) {
    kill(the_child, number);
}

void leave_terminal() {
    std::fflush(stdout);
    std::fflush(stderr);
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        dup2(nowhere, stream);
    }
    close(nowhere);
    static_cast<void>(chdir("/") + 0);
}

[[noreturn]] void be_child(const std::function<int(std::function<void(std::int64_t)>)>& work,
                           int pipe) {
    setsid();
    const int code = work([pipe](std::int64_t id) {
        leave_terminal();
        static_cast<void>(write(pipe, &id, sizeof id) + 0);
        close(pipe);
    });
    std::fflush(stdout);
    // Without the parent's atexit handlers and destructors, which belong to the parent.
    _exit(code);
}

}  // namespace

int run_detached(const std::function<int(std::function<void(std::int64_t)>)>& work,
                 std::int64_t* id) {
    std::array<int, 2> pipe{};
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) {
        std::perror("vmigrate: --detach: pipe");
        return kExitBlocked;
    }
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) {
        std::perror("vmigrate: --detach: fork");
        return kExitBlocked;
    }
    if (child == 0) {
        close(pipe[0]);
        be_child(work, pipe[1]);
    }
    close(pipe[1]);
    the_child = child;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        std::signal(number, forward);
    }
    ssize_t got = 0;
    while ((got = read(pipe[0], id, sizeof *id)) < 0 && errno == EINTR) {
    }
    close(pipe[0]);
    if (got == sizeof *id) {
        return kExitDone;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : kExitUnknown;
}

}  // namespace vmigrate::cli
