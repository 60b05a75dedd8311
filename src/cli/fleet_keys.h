// SPDX-License-Identifier: GPL-2.0-or-later
//
// The keys of FleetConfig in vmigrate.toml. Complaints go to whoever reads the file. Pure; any
// thread.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fleet_config.h"

namespace vmigrate::cli {

struct Complaints {
    /// What is wrong, and where.
    std::function<void(const toml::source_region& where, std::string what)> wrong;
    /// A key that the section does not have.
    std::function<void(const toml::key& key, std::string_view section,
                       const std::vector<std::string>& known)>
        unknown;
};

/// Keys of `[hosts.NAME]`; false: `key` is none of them.
bool read_limit_key(MoveLimits& limits, const toml::key& key, const toml::node& node,
                    const Complaints& complaints);
void read_guests(FleetConfig& config, const toml::table& table, const Complaints& complaints);
void read_groups(FleetConfig& config, const toml::table& groups, const Complaints& complaints);
void read_evacuation(EvacuationConfig& config, const toml::table& table,
                     const Complaints& complaints);

const std::vector<std::string>& limit_keys();
const std::vector<std::string>& guests_keys();
const std::vector<std::string>& group_keys();
const std::vector<std::string>& evacuation_keys();
/// In which guests may leave.
const std::vector<std::string>& evacuation_orders();

}  // namespace vmigrate::cli
