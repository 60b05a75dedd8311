// SPDX-License-Identifier: GPL-2.0-or-later
//
// Evacuations of hosts and their guests in the history database, so that what was begun can be
// shown, cancelled and gone on with from any process, also when the one that began it is dead. One
// at a time for each host. Borrows the database and the clock; thread rule and errors: the ones of
// its Store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "history/store.h"

namespace vmigrate::history {

class Database;

enum class EvacuationKind {
    evacuate,  ///< guests leave the host
    restore    ///< those that had to leave come back
};
std::string_view name_of(EvacuationKind kind);

struct EvacuationEntry {
    std::int64_t id = 0;
    EvacuationKind kind = EvacuationKind::evacuate;
    std::string host;
    std::string options;  ///< JSON, for who goes on with it
    WallTime began{};
    std::optional<WallTime> ended;  ///< nothing while it is under way, or after its process died
    std::optional<int> exit_code;   ///< once it has ended
    bool cancel_requested = false;
    /// Its process is alive, or out of sight on another machine; only for one that has not ended.
    bool holder_alive = false;
    int holder_pid = 0;
};

/// "evacuation 3 of host 'a'".
std::string describe(const EvacuationEntry& entry);

/// How a guest stands, in the words of fleet/evacuation.h.
struct EvacuationGuest {
    GuestRef guest;
    std::string from;
    std::string to;
    std::string state;
    unsigned attempts = 0;
    std::string reason;
    std::optional<std::int64_t> migration;  ///< the last one
    friend bool operator==(const EvacuationGuest& a, const EvacuationGuest& b) {
        return a.guest.uuid == b.guest.uuid && a.guest.name == b.guest.name && a.from == b.from &&
               a.to == b.to && a.state == b.state && a.attempts == b.attempts &&
               a.reason == b.reason && a.migration == b.migration;
    }
};

class Evacuations {
  public:
    Evacuations(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

    /// This process begins one. Error (busy): there is one of this host that has not ended.
    Result<std::int64_t> begin(EvacuationKind kind, const std::string& host,
                               const std::string& options);
    /// This process goes on with one whose process is dead. Errors: not_found; usage (it has
    /// ended); busy (its process is alive or out of sight).
    Result<void> adopt(std::int64_t id);
    /// How a guest stands now.
    Result<void> put(std::int64_t id, const EvacuationGuest& guest);
    Result<void> end(std::int64_t id, int exit_code);

    /// For the process that carries it out to find. Errors: not_found; usage (it has ended).
    Result<void> request_cancel(std::int64_t id);

    /// Error (not_found).
    Result<EvacuationEntry> find(std::int64_t id);
    /// All that have not ended, oldest first.
    Result<std::vector<EvacuationEntry>> under_way();
    /// The newest of a host, of either kind or of one.
    Result<std::optional<EvacuationEntry>> newest(
        const std::string& host, std::optional<EvacuationKind> kind = std::nullopt);
    /// In the order in which they were first put.
    Result<std::vector<EvacuationGuest>> guests(std::int64_t id);
    /// Whom evacuations have moved away from a host since everybody was brought home the last time:
    /// the newest word on each.
    Result<std::vector<EvacuationGuest>> taken_from(const std::string& host);

  private:
    Database& database_;
    const Clock& clock_;
};

}  // namespace vmigrate::history
