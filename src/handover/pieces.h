// SPDX-License-Identifier: GPL-2.0-or-later
//
// Many changes to a switch that goes on forwarding: it may do that with the thread that takes them,
// so they come a few at a time, with a pause. Thread rule: one thread at a time.
#pragma once

#include "netflow/switch.h"

namespace vmigrate::handover {

inline constexpr std::size_t changes_at_once = 200;
inline constexpr milliseconds pause_between_changes{1};

/// In order. After an error, as of Switch::change_all, the rest is not done.
Result<void> change_in_pieces(netflow::Switch& bridge, std::span<const netflow::FlowMod> changes);

}  // namespace vmigrate::handover
