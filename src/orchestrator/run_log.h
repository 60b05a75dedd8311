// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a run tells of itself, to whoever watches and to the history. A history that cannot be
// written never stops a guest that is on its way: that is said once, and is a problem of the
// record. Thread rule: the runner's thread only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "orchestrator/journal.h"
#include "orchestrator/status.h"

namespace vmigrate {

class RunLog {
  public:
    /// Keeps all three; `record` gets the problems.
    RunLog(Journal& journal, Status& status, Record& record)
        : journal_(journal), status_(status), record_(record) {}

    void phase(Phase phase, std::string_view note) {
        remember(journal_.phase(phase, note));
        status_.phase(phase, note);
    }

    void notice(const std::string& text) {
        status_.notice(text);
        remember(journal_.note(text));
    }

    /// Of something that was to be written to the history.
    void remember(const Result<void>& written) {
        if (!written && !history_broken_) {
            history_broken_ = true;
            record_.problems.push_back("history is incomplete: " + written.error().message);
            status_.notice(record_.problems.back());
        }
    }

    /// For what failed when it was too late to turn back.
    void problem_if(const Result<void>& done, std::string_view what) {
        if (!done) {
            record_.problems.push_back(std::string(what) + ": " + done.error().message);
        }
    }

    bool history_broken() const { return history_broken_; }

  private:
    Journal& journal_;
    Status& status_;
    Record& record_;
    bool history_broken_ = false;
};

}  // namespace vmigrate
