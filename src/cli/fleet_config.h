// SPDX-License-Identifier: GPL-2.0-or-later
//
// What vmigrate.toml says of moving many guests: limits of hosts, who wants to be with whom, who
// goes first, and the defaults of `vmigrate evacuate`. Values only; any thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"

namespace vmigrate::cli {

/// Moves of one host at the same time.
struct MoveLimits {
    unsigned out = 1;
    unsigned in = 2;
    friend bool operator==(const MoveLimits&, const MoveLimits&) = default;
};

/// Guests that want to be on one host, or each on another.
struct GuestGroup {
    enum class Rule { apart, together };
    std::vector<std::string> guests;  ///< names, or patterns of names: "web*"
    Rule rule = Rule::apart;
};

/// `[evacuation]`: what the options of `vmigrate evacuate` are when nobody gives them.
struct EvacuationConfig {
    unsigned max_parallel = 2;
    BytesPerSecond bandwidth{};  ///< of all moves together; 0 = what the links carry
    std::string order = "small-first";
    unsigned attempts = 4;            ///< of one guest, for reasons that can pass
    milliseconds first_pause{5'000};  ///< before the second attempt; doubles
    milliseconds shutdown{120'000};   ///< that a guest has with --stop-unmovable
    friend bool operator==(const EvacuationConfig&, const EvacuationConfig&) = default;
};

struct FleetConfig {
    std::map<std::string, MoveLimits> limits;  ///< by host; who is not in it has the defaults
    std::map<std::string, GuestGroup> groups;  ///< by name
    std::vector<std::pair<std::string, int>> priority;  ///< pattern of names -> priority
    EvacuationConfig evacuation;

    MoveLimits limits_of(const std::string& host) const;
    std::set<std::string> groups_of(const std::string& guest) const;
    /// The highest that one of the patterns gives; 0 where none does.
    int priority_of(const std::string& guest) const;
};

/// As the shell does: "web*", "db[0-9]". Pure.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace vmigrate::cli
