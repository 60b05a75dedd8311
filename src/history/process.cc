// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/process.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace vmigrate::history {
namespace {

std::optional<std::string> contents(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        return std::nullopt;
    }
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string boot_id() {
    auto text = contents("/proc/sys/kernel/random/boot_id").value_or("");
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    return text;
}

std::string host_name() {
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string own_pid_namespace() {
    std::array<char, 64> name{};
    return readlink("/proc/self/ns/pid", name.data(), name.size() - 1) > 0 ? name.data() : "";
}

struct Stat {
    char state = '?';
    std::int64_t started = 0;
};

std::optional<Stat> stat_of(std::int64_t pid) {
    const auto text = contents(fmt::format("/proc/{}/stat", pid));
    // The command name is in parentheses and may hold spaces and parentheses itself.
    const auto name_end = text ? text->rfind(')') : std::string::npos;
    if (name_end == std::string::npos) {
        return std::nullopt;
    }
    std::istringstream fields(text->substr(name_end + 1));
    Stat stat;
    fields >> stat.state;
    constexpr int kFieldsBetween = 18;  // state is field 3, the start time field 22
    std::string skipped;
    for (int i = 0; i < kFieldsBetween; ++i) {
        fields >> skipped;
    }
    fields >> stat.started;
    return fields ? std::optional(stat) : std::nullopt;
}

}  // namespace

Process this_process() {
    Process process;
    process.machine = host_name();
    process.boot = boot_id();
    process.pid_namespace = own_pid_namespace();
    process.pid = getpid();
    if (const auto stat = stat_of(process.pid)) {
        process.started = stat->started;
    }
    return process;
}

Life life_of(const Process& process) {
    const Process self = this_process();
    if (process.boot != self.boot) {
        return process.machine == self.machine ? Life::dead : Life::out_of_sight;
    }
    if (process.pid_namespace != self.pid_namespace) {
        return Life::out_of_sight;
    }
    if (const auto stat = stat_of(process.pid)) {
        // A zombie acts no more; only its parent has not noticed yet.
        const bool gone = stat->state == 'Z' || stat->state == 'X';
        return gone || stat->started != process.started ? Life::dead : Life::alive;
    }
    // /proc may hide processes of other users from us.
    const bool hidden = kill(static_cast<pid_t>(process.pid), 0) == 0 || errno == EPERM;
    return hidden ? Life::alive : Life::dead;
}

}  // namespace vmigrate::history
