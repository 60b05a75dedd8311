// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to what is remembered of where guests are: one entry for each, with a version that grows
// with each move, so that an older change of the network never wins over a newer one. Implemented
// in history/. Thread rule: one thread. Errors: ErrorKind::storage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "orchestrator/drain.h"

namespace vmigrate {

struct Location {
    std::string host;             ///< key in vmigrate.toml
    std::uint64_t version = 0;    ///< of the last move, or of the one under way
    std::uint32_t migration = 0;  ///< what that one's flows are marked with
    bool locked = false;          ///< one is under way, or broke off
    friend bool operator==(const Location&, const Location&) = default;
};

class LocationRegistry {
  public:
    virtual ~LocationRegistry() = default;
    /// Nothing: the guest was never moved from here.
    virtual Result<std::optional<Location>> find(const std::string& guest_uuid) = 0;
    /// Replaces what was remembered.
    virtual Result<void> remember(const std::string& guest_uuid, const Location& location) = 0;
    /// As remember(), and in the same moment that the move has left something to be drained, by
    /// this process, or another one when it dies: `remains` is what that one has to know. It is
    /// kept for moves of the history only.
    virtual Result<void> leave(const std::string& guest_uuid, const Location& location,
                               const std::string& remains) {
        static_cast<void>(remains);
        return remember(guest_uuid, location);
    }
    /// How the drain of what was left is going, or has ended. `location` is that move's.
    virtual Result<void> drained(const std::string& guest_uuid, const Location& location,
                                 const DrainReport& report) {
        static_cast<void>(guest_uuid);
        static_cast<void>(location);
        static_cast<void>(report);
        return {};
    }
};

}  // namespace vmigrate
