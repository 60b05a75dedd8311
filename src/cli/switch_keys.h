// SPDX-License-Identifier: GPL-2.0-or-later
//
// The keys of a switch in vmigrate.toml, the same for a host and for a peer. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "handover/ovs_settings.h"

namespace vmigrate::cli {

const std::vector<std::string>& switch_keys();

/// `value` as in the file, numbers as text. Error (usage): what is wrong with it. REQUIRES: `key`
/// is one of switch_keys().
Result<void> set_switch_key(handover::OvsHost& host, std::string_view key,
                            const std::string& value);

/// The first key that a switch cannot do without and that is not set; empty: none.
std::string_view missing_key(const handover::OvsHost& host);

/// Flows and notes would leave this machine in clear text.
bool leaves_in_clear_text(const netflow::Endpoint& endpoint);

}  // namespace vmigrate::cli
