// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a running migration tells whoever watches. The command line implements it as a terminal
// line or JSON lines, tests record it. Thread rule: called from the runner's thread only.
#pragma once

#include <string_view>

#include "orchestrator/types.h"

namespace vmigrate {

/// One state of the progress display. `percent` never goes back and is 100 only at the end.
struct Progress {
    Phase phase = Phase::planned;
    unsigned percent = 0;
    std::uint32_t iteration = 0;
    Bytes remaining;  ///< memory and disks
    Bytes total;      ///< memory and disks
    BytesPerSecond dirty_rate;
    BytesPerSecond bandwidth;
    unsigned throttle_percent = 0;
    Forecast forecast;
    milliseconds elapsed{};
};

class Status {
  public:
    virtual ~Status() = default;
    virtual void started(std::int64_t id) = 0;
    virtual void progress(const Progress& progress) = 0;
    virtual void phase(Phase phase, std::string_view note) = 0;
    virtual void notice(std::string_view text) = 0;
    /// Asks whoever watches, and does not wait: the answer arrives as an Answered event, or not at
    /// all. False when nobody can be asked.
    virtual bool ask(std::string_view question, milliseconds time_limit) {
        static_cast<void>(question);
        static_cast<void>(time_limit);
        return false;
    }
};

}  // namespace vmigrate
