// SPDX-License-Identifier: GPL-2.0-or-later
//
// A question to whoever sits at the terminal, answered with yes or no while everything goes on.
// Thread rule: one thread; answers are pushed from a thread of its own, which ends with the answer,
// with the time limit, or with this object.
#pragma once

#include <thread>

#include "base/units.h"
#include "orchestrator/events.h"

namespace vmigrate::cli {

class TerminalQuestion {
  public:
    /// Somebody sits there: standard input and error are a terminal, and this process is the one
    /// that the terminal listens to (else reading from it would stop the process).
    static bool possible();

    /// Answers are read from `input` and go to `events` as Answered; both are borrowed.
    TerminalQuestion(int input, EventQueue& events);
    ~TerminalQuestion();
    TerminalQuestion(const TerminalQuestion&) = delete;
    TerminalQuestion& operator=(const TerminalQuestion&) = delete;

    /// Waits for a line in the background: "y" or "yes" is yes, anything else, and the end of the
    /// input, is no; nothing within `time_limit` is no answer. What was typed before does not
    /// count. False when it cannot wait.
    bool ask(milliseconds time_limit);

  private:
    void end();
    void wait(milliseconds time_limit);

    int input_;
    EventQueue& events_;
    int stop_ = -1;  ///< eventfd
    std::thread thread_;
};

}  // namespace vmigrate::cli
