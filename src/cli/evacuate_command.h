// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command line that `evacuate` and `restore` have in common. Thread rule: main thread.
#pragma once

#include "cli/arguments.h"
#include "cli/evacuation_options.h"

namespace vmigrate::cli {

class EvacuateCommand {
  public:
    EvacuateCommand(history::EvacuationKind kind, Arguments& arguments);

    /// After the parsing: does what was asked for; returns the exit code.
    int run(const Arguments& arguments);

  private:
    Result<EvacuationOptions> options(const Config& config) const;

    history::EvacuationKind kind_;
    std::string host_;
    std::vector<std::string> to_;
    std::vector<std::string> labels_;
    std::optional<unsigned> max_parallel_;
    std::optional<std::string> bandwidth_;
    std::optional<std::string> deadline_;
    std::optional<std::string> order_;
    std::string policy_ = "default";
    bool stop_unmovable_ = false;
    bool dry_run_ = false;
    bool detach_ = false;
    bool wait_ = false;
    bool status_ = false;
    bool cancel_ = false;
    bool resume_ = false;
};

}  // namespace vmigrate::cli
