// SPDX-License-Identifier: GPL-2.0-or-later
//
// The back end "exec": for networks that have an interface of their own. For each step a program
// is run, as `PROGRAM STEP`, with what it has to know as one JSON object on its standard input
// (vmigrate.toml(5) has the keys). Exit code 0: the step is done. Else its last line is the error.
// A step may come again after it was done, also from another process after a crash.
//
// Thread rule: one thread.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "orchestrator/handover.h"

namespace vmigrate::handover {

struct ExecCard {
    std::string mac;
    std::string bridge;        ///< empty where it is on none
    std::string interface_id;  ///< empty where it has none
};

struct ExecTask {
    std::string program;         ///< by its path
    milliseconds limit{5000};    ///< of one run
    bool redirect_held = false;  ///< redirect() had better come before the guest stops
    milliseconds settle{};       ///< after that, for the guest to take what came before
    std::string guest_name;
    std::string guest_uuid;
    std::string source;       ///< key in vmigrate.toml
    std::string destination;  ///< the same
    std::vector<ExecCard> cards;
};

/// Runs the program with this step.
Result<void> run_step(const ExecTask& task, const std::string& step);

class Exec final : public NetworkHandover {
  public:
    explicit Exec(ExecTask task) : task_(std::move(task)) {}

    std::string_view backend() const override { return "exec"; }
    bool wants_hold() const override { return task_.redirect_held; }
    Result<void> lock() override { return run("lock"); }
    Result<void> begin() override { return run("begin"); }
    Result<void> redirect() override;
    Result<void> withdraw() override;
    Result<void> commit() override { return once("commit", committed_); }
    Result<void> drain() override { return run("drain"); }
    Result<void> rollback() override { return run("rollback"); }

  private:
    Result<void> run(const std::string& step) const { return run_step(task_, step); }
    /// Not again when it was done.
    Result<void> once(const std::string& step, bool& done) const;

    const ExecTask task_;
    bool redirected_ = false;
    bool committed_ = false;
};

}  // namespace vmigrate::handover
