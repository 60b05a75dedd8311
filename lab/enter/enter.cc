// SPDX-License-Identifier: GPL-2.0-or-later
// enter PID COMMAND [ARGUMENT...]: runs a command in the network, UTS, PID and mount namespaces of
// a process, in the caller's working directory. What nsenter(1) does, and besides: a signal sent to
// this process goes on to the command, the command dies with it, and its end is mirrored, so that
// the caller can treat it as if it were the command.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

volatile sig_atomic_t child_pid = 0;

// A signal from the terminal reaches the command by itself: both are in the foreground group.
void pass_on(int signal, siginfo_t* info, void*) {
    if (info->si_code != SI_KERNEL && child_pid > 0) {
        kill(child_pid, signal);
    }
}

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "lab: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(125);
}

void join_namespaces(const std::string& pid) {
    struct {
        const char* name;
        int type;
        int fd;
    } spaces[] = {{"net", CLONE_NEWNET, -1},
                  {"uts", CLONE_NEWUTS, -1},
                  {"pid", CLONE_NEWPID, -1},
                  {"mnt", CLONE_NEWNS, -1}};
    // all are opened first: after the mount namespace changes, /proc is another one
    for (auto& space : spaces) {
        const std::string path = "/proc/" + pid + "/ns/" + space.name;
        space.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (space.fd < 0) {
            fail("cannot open " + path);
        }
    }
    for (auto& space : spaces) {
        if (setns(space.fd, space.type) != 0) {
            fail(std::string("cannot join the namespace ") + space.name);
        }
        close(space.fd);
    }
}

[[noreturn]] void mirror_end(int status) {
    if (WIFSIGNALED(status)) {
        std::signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
        std::exit(128 + WTERMSIG(status));
    }
    std::exit(WEXITSTATUS(status));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "Usage: enter PID COMMAND [ARGUMENT...]\n");
        return 125;
    }
    char cwd[PATH_MAX];
    const bool have_cwd = getcwd(cwd, sizeof cwd) != nullptr;
    join_namespaces(argv[1]);
    if (!have_cwd || chdir(cwd) != 0) {
        if (chdir("/") != 0) {
            fail("cannot change to /");
        }
    }

    const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    for (int signal : forwarded) {
        sigaddset(&blocked, signal);
    }
    sigprocmask(SIG_BLOCK, &blocked, &before);
    const pid_t child = fork();
    if (child < 0) {
        fail("cannot fork");
    }
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigprocmask(SIG_SETMASK, &before, nullptr);
        execvp(argv[2], argv + 2);
        const int error = errno;
        std::fprintf(stderr, "lab: cannot run %s: %s\n", argv[2], std::strerror(error));
        _exit(error == ENOENT ? 127 : 126);
    }
    child_pid = child;
    for (int signal : forwarded) {
        struct sigaction action = {};
        struct sigaction old = {};
        sigaction(signal, nullptr, &old);
        if (old.sa_handler == SIG_IGN) {
            continue;  // the command inherits "ignored"
        }
        action.sa_sigaction = pass_on;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        sigaction(signal, &action, nullptr);
    }
    sigprocmask(SIG_SETMASK, &before, nullptr);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            fail("cannot wait for the command");
        }
    }
    mirror_end(status);
}
