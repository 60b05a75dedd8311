// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/flow.h"

namespace vmigrate::netflow {

std::size_t FlowKeyHash::operator()(const FlowKey& key) const {
    return key.match.hash() * 31 + (std::size_t{key.priority} << 8U) +
           static_cast<std::uint8_t>(key.table);
}

FlowMod FlowMod::remove_strict(const FlowKey& key) {
    FlowMod mod{.command = FlowCommand::remove_strict};
    mod.flow.table = key.table;
    mod.flow.priority = key.priority;
    mod.flow.match = key.match;
    return mod;
}

FlowMod FlowMod::remove_all(CookieFilter cookies) {
    FlowMod mod{.command = FlowCommand::remove, .cookies = cookies};
    mod.flow.table = TableId::all;
    return mod;
}

}  // namespace vmigrate::netflow
