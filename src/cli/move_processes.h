// SPDX-License-Identifier: GPL-2.0-or-later
//
// The processes that carry out an evacuation's moves: each a `vmigrate start` in a session of its
// own, which goes on when this process is killed, and is found again by the one that goes on with
// the evacuation. Thread rule: one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace vmigrate::cli {

class MoveProcesses {
  public:
    MoveProcesses() = default;
    /// Those that still run go on.
    ~MoveProcesses();
    MoveProcesses(const MoveProcesses&) = delete;
    MoveProcesses& operator=(const MoveProcesses&) = delete;

    /// This program with `words`, in the name of `key`; REQUIRES: none runs in that name.
    Result<void> start(const std::string& key, const std::vector<std::string>& words);
    /// One that another process has started: with `word` and `key` among its arguments. Once it is
    /// gone, or at once when there is none, ended() tells of it.
    void adopt(const std::string& key, const std::string& word);

    struct Ended {
        std::string key;
        std::optional<int> exit_code;  ///< 128 + the signal that ended it; nothing: it was adopted
        std::string output;            ///< the first MiB
        std::string errors;
    };
    /// Waits until one ends, and at most until `until`. Those that have ended since the last call.
    std::vector<Ended> ended(TimePoint until);
    bool running(const std::string& key) const { return processes_.contains(key); }

  private:
    struct Process {
        int pid = -1;     ///< of a child; -1 when it was adopted
        int handle = -1;  ///< pidfd; -1: it is gone
        int output = -1;
        int errors = -1;
    };
    std::map<std::string, Process> processes_;
};

/// The process id of a vmigrate that has both words among its arguments.
std::optional<int> vmigrate_with(const std::string& word, const std::string& other);

}  // namespace vmigrate::cli
