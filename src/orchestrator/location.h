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
};

}  // namespace vmigrate
