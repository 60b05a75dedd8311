// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_config.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>

namespace vmigrate::cli {

MoveLimits FleetConfig::limits_of(const std::string& host) const {
    const auto found = limits.find(host);
    return found != limits.end() ? found->second : MoveLimits{};
}

std::set<std::string> FleetConfig::groups_of(const std::string& guest) const {
    std::set<std::string> names;
    for (const auto& [name, group] : groups) {
        if (std::ranges::any_of(group.guests,
                                [&](const auto& pattern) { return matches(pattern, guest); })) {
            names.insert(name);
        }
    }
    return names;
}

int FleetConfig::priority_of(const std::string& guest) const {
    std::optional<int> highest;
    for (const auto& [pattern, value] : priority) {
        if (matches(pattern, guest)) {
            highest = std::max(highest.value_or(value), value);
        }
    }
    return highest.value_or(0);
}

bool matches(const std::string& pattern, const std::string& name) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

}  // namespace vmigrate::cli
