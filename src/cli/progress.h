// SPDX-License-Identifier: GPL-2.0-or-later
//
// The implementations of Status: a terminal line, JSON lines, and nothing at all once a detached
// migration has said its number. Thread rule: as Status.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "cli/question.h"
#include "cli/terminal.h"
#include "orchestrator/status.h"

namespace vmigrate::cli {

/// "ETA 8-12 s", "ETA 8 s or more", "no end in sight"; empty when nothing is known. Rounded so that
/// the range gets no narrower.
std::string eta_text(const Forecast& forecast);

/// "precopy 45 %  312.0 MiB left  dirty 12.3 MiB/s  sending 98.0 MiB/s  ETA 3-4 s"
std::string progress_line(const Progress& progress);

/// Rewrites its line on a smart terminal; else a plain line at phase changes and at most every
/// second.
class TerminalStatus final : public Status {
  public:
    /// `question` is who answers, null when nobody does.
    TerminalStatus(TerminalLine& line, const Clock& clock, TerminalQuestion* question = nullptr)
        : line_(line), clock_(clock), question_(question) {}
    void started(std::int64_t id) override;
    void progress(const Progress& progress) override;
    void phase(Phase phase, std::string_view note) override;
    void notice(std::string_view text) override;
    bool ask(std::string_view question, milliseconds time_limit) override;

  private:
    TerminalLine& line_;
    const Clock& clock_;
    TerminalQuestion* question_;
    std::optional<TimePoint> printed_;
    Phase shown_ = Phase::planned;
};

/// One object for each call, `"event"` first, on stdout.
class JsonStatus final : public Status {
  public:
    void started(std::int64_t id) override;
    void progress(const Progress& progress) override;
    void phase(Phase phase, std::string_view note) override;
    void notice(std::string_view text) override;
};

/// Passes the migration's id on once, then stays silent: the history has the rest.
class DetachedStatus final : public Status {
  public:
    explicit DetachedStatus(std::function<void(std::int64_t)> report)
        : report_(std::move(report)) {}
    void started(std::int64_t id) override { report_(id); }
    void progress(const Progress& progress) override { static_cast<void>(progress); }
    void phase(Phase /*phase*/, std::string_view /*note*/) override {}
    void notice(std::string_view /*text*/) override {}

  private:
    std::function<void(std::int64_t)> report_;
};

}  // namespace vmigrate::cli
