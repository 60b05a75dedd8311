// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/text.h"

namespace vmigrate::handover {
namespace {

constexpr std::size_t kMostSaid = 4096;

class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(); }

    int get() const { return fd_; }
    void reset(int fd = -1) {
        if (fd_ >= 0) {
            close(fd_);
        }
        fd_ = fd;
    }

  private:
    int fd_ = -1;
};

/// Both ends close on exec; a socket, so that a program that does not read is no SIGPIPE.
bool make_pair(Descriptor& ours, Descriptor& theirs) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return false;
    }
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

/// 0, or the error. The program gets a process group of its own and no signal of ours blocked.
int spawn(const std::vector<std::string>& words, int input, int output, pid_t& child) {
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (const auto& word : words) {
        argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t pipe;
    sigemptyset(&none);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &pipe);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    const int error = posix_spawn(&child, argv[0], &files, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/// Takes what is there.
void listen(int fd, std::string& said) {
    std::array<char, kMostSaid> buffer{};
    for (;;) {
        const auto got = read(fd, buffer.data(), buffer.size());
        if (got <= 0) {
            return;
        }
        said.append(buffer.data(), static_cast<std::size_t>(got));
        if (said.size() > kMostSaid) {
            said.erase(0, said.size() - kMostSaid);
        }
    }
}

int exit_code(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ProgramEnd> run_program(const std::vector<std::string>& words, std::string_view input,
                               milliseconds limit) {
    Descriptor to_program;
    Descriptor its_input;
    Descriptor from_program;
    Descriptor its_output;
    if (!make_pair(to_program, its_input) || !make_pair(from_program, its_output)) {
        return fail(ErrorKind::internal,
                    fmt::format("cannot make a socket: {}", std::strerror(errno)));
    }
    pid_t child = -1;
    if (const int error = spawn(words, its_input.get(), its_output.get(), child); error != 0) {
        return fail(ErrorKind::not_found,
                    fmt::format("cannot run {}: {}", quoted(words.front()), std::strerror(error)));
    }
    its_input.reset();
    its_output.reset();
    const Descriptor ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));

    ProgramEnd end;
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const auto left =
            std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()).count();
        if (left <= 0) {
            kill(-child, SIGKILL);
            exit_code(child);
            return fail(ErrorKind::unreachable,
                        fmt::format("{} was ended: it took longer than {} ms",
                                    quoted(words.front()), limit.count()));
        }
        std::array<pollfd, 3> fds{pollfd{ended.get(), POLLIN, 0},
                                  pollfd{from_program.get(), POLLIN, 0},
                                  pollfd{input.empty() ? -1 : to_program.get(), POLLOUT, 0}};
        poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(left, 1000)));
        if (fds[2].revents != 0) {
            const auto sent = send(to_program.get(), input.data(), input.size(), MSG_NOSIGNAL);
            input.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : input.size());
        }
        if (input.empty()) {
            to_program.reset();
        }
        listen(from_program.get(), end.said);
        // what it has left running may keep the output open
        if (fds[0].revents != 0) {
            end.code = exit_code(child);
            listen(from_program.get(), end.said);
            return end;
        }
    }
}

}  // namespace vmigrate::handover
