// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which of a bridge's flows a move has to know of; a bridge may have very many others. Pure. Values
// only; any thread.
#pragma once

#include "netflow/move.h"

namespace vmigrate::netflow {

/// The guest's, and ours.
bool matters_at_source(const Flow& flow, const Move& move);
/// What sends to the guest, what a copy may meet, what tells a neighbour's port, and ours.
bool matters_at_destination(const Flow& flow, const Move& move);

}  // namespace vmigrate::netflow
