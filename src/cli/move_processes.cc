// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/move_processes.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/background.h"

namespace vmigrate::cli {
namespace {

/// Becomes readable when the process ends.
int handle_of(int pid) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

/// Memory: a file with a name would be left behind when this process is killed.
int memory_file() {
    return memfd_create("vmigrate-move", MFD_CLOEXEC);
}

std::string contents(int file) {
    constexpr std::size_t kMost = 1U << 20U;
    std::string text(kMost, '\0');
    const auto size = pread(file, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

void close_if_open(int file) {
    if (file >= 0) {
        close(file);
    }
}

/// Its arguments are separated, and the last one is followed, by a zero byte.
bool has_word(const std::string& arguments, const std::string& word) {
    return arguments.find(std::string(1, '\0') + word + '\0') != std::string::npos;
}

}  // namespace

std::optional<int> vmigrate_with(const std::string& word, const std::string& other) {
    std::error_code ignored;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const auto name = entry.path().filename().string();
        int pid = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (error != std::errc() || end != name.data() + name.size() || pid == getpid()) {
            continue;
        }
        std::ifstream file(entry.path() / "cmdline");
        const std::string arguments{std::istreambuf_iterator<char>(file), {}};
        if (has_word(arguments, word) && has_word(arguments, other) &&
            std::filesystem::read_symlink(entry.path() / "exe", ignored).filename() ==
                self.filename()) {
            return pid;
        }
    }
    return std::nullopt;
}

MoveProcesses::~MoveProcesses() {
    for (const auto& [key, process] : processes_) {
        close_if_open(process.handle);
        close_if_open(process.output);
        close_if_open(process.errors);
    }
}

Result<void> MoveProcesses::start(const std::string& key, const std::vector<std::string>& words) {
    Process process;
    process.output = memory_file();
    process.errors = memory_file();
    const auto pid = start_in_own_session(words, process.output, process.errors);
    if (!pid) {
        close_if_open(process.output);
        close_if_open(process.errors);
        return fail(pid.error());
    }
    process.pid = *pid;
    process.handle = handle_of(*pid);
    processes_[key] = process;
    return {};
}

void MoveProcesses::adopt(const std::string& key, const std::string& word) {
    Process process;
    if (const auto pid = vmigrate_with(word, key)) {
        process.handle = handle_of(*pid);
    }
    processes_[key] = process;
}

std::vector<MoveProcesses::Ended> MoveProcesses::ended(TimePoint until) {
    std::vector<pollfd> handles;
    bool gone = false;
    for (const auto& [key, process] : processes_) {
        handles.push_back({process.handle, POLLIN, 0});  // poll leaves negative ones out
        gone = gone || process.handle < 0;
    }
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    const auto patience = gone ? milliseconds(0) : std::max(left, milliseconds(0));
    poll(handles.data(), handles.size(), static_cast<int>(patience.count()));
    std::vector<Ended> result;
    std::size_t index = 0;
    for (auto it = processes_.begin(); it != processes_.end(); ++index) {
        auto& [key, process] = *it;
        int status = 0;
        const bool over = process.pid < 0 ? process.handle < 0 || handles[index].revents != 0
                                          : waitpid(process.pid, &status, WNOHANG) == process.pid;
        if (!over) {
            ++it;
            continue;
        }
        Ended ended{key, std::nullopt, "", ""};
        if (process.pid >= 0) {
            ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            ended.output = contents(process.output);
            ended.errors = contents(process.errors);
        }
        close_if_open(process.handle);
        close_if_open(process.output);
        close_if_open(process.errors);
        result.push_back(std::move(ended));
        it = processes_.erase(it);
    }
    return result;
}

}  // namespace vmigrate::cli
