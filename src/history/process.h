// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which process holds a lease, in a form that another process can check later: a process id alone
// is used again, also after a reboot. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <string>

namespace vmigrate::history {

struct Process {
    std::string machine;        ///< host name, for people and for telling a reboot from a move
    std::string boot;           ///< the kernel's boot id
    std::string pid_namespace;  ///< process ids mean something only inside it
    std::int64_t pid = 0;
    std::int64_t started = 0;  ///< clock ticks since boot, field 22 of /proc/PID/stat

    friend bool operator==(const Process&, const Process&) = default;
};

enum class Life {
    alive,
    dead,
    out_of_sight  ///< on another machine or in another container: cannot be checked from here
};

Process this_process();

Life life_of(const Process& process);

}  // namespace vmigrate::history
