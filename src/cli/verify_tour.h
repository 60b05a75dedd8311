// SPDX-License-Identifier: GPL-2.0-or-later
//
// A guest whose workload is the verifier, on its way to and fro between two hosts: one migration,
// then everything is checked once, then the next. The verifier is heard on the guest's serial
// console, through libvirt, wherever it runs. Thread rule: main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/planning.h"
#include "cli/signals.h"
#include "history/store.h"
#include "orchestrator/json.h"
#include "verify/matrix.h"
#include "verify/status.h"

namespace vmigrate::cli {

/// What the verifier said last, and what it has found.
struct Heard {
    verify::GuestStatus status;
    std::vector<std::string> bugs;
};

/// Listens on a host until `enough` is true of a status, or something was found.
/// Errors: as Console; unreachable: silence for a quarter of a minute, or `patience` is over.
Result<Heard> listen(const libvirt::HostAccess& host, const GuestRef& guest,
                     const std::function<bool(const verify::GuestStatus&)>& enough,
                     milliseconds patience);

/// One migration, and the check behind it.
struct Round {
    std::string source;
    std::string destination;
    Record record;
    Heard heard;             ///< where the guest was afterwards
    Bytes verified;          ///< since the round before
    bool postcopy = false;   ///< it went on in post-copy
    bool restarted = false;  ///< it is not the guest that it was: it was started again

    bool moved() const;
    bool intact() const { return heard.status.errors == 0 && !restarted; }
};

/// "mismatches" counts from the guest's boot, as the verifier does.
Json to_json(const Round& round);
/// One line.
std::string text_of(const Round& round);

class VerifyTour {
  public:
    /// All borrowed.
    struct Means {
        const Config& config;
        history::Store& store;
        Interrupts& interrupts;
        const Clock& clock;
        bool silent = false;             ///< no progress on stderr
        milliseconds patience{600'000};  ///< for a check of everything
    };

    /// The guest of `plan` is at its source. Waits until the verifier is ready.
    /// Errors: as listen(); blocked: the verifier has found something already.
    static Result<VerifyTour> begin(const Means& means, const Plan& plan);

    /// Migrates to the other host, and waits until all was checked where the guest is then.
    /// `request`: guest and hosts are set here. Errors: the migration was not begun (blocked, what
    /// planning gives); the verifier is not heard.
    Result<Round> round(Request request);

    const GuestRef& guest() const { return guest_; }
    const std::string& here() const { return here_; }

  private:
    VerifyTour(const Means& means, GuestRef guest, std::string here, std::string there,
               Heard heard);
    /// Record and verdict of the migration alone.
    Result<Round> migrate(const Request& request);

    Means means_;
    GuestRef guest_;
    std::string here_;
    std::string there_;
    Heard heard_;  ///< last
};

/// What the guest of a plan is, which was made with storage "auto".
verify::GuestKind kind_of(const Plan& plan);

}  // namespace vmigrate::cli
