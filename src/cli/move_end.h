// SPDX-License-Identifier: GPL-2.0-or-later
//
// How a move of an evacuation ended, from what its `vmigrate start` left behind. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "fleet/evacuation.h"
#include "history/store.h"

namespace vmigrate::cli {

/// What is known of a move once its process is gone.
struct MoveTrace {
    std::optional<int> exit_code;  ///< 128 + the signal that ended it; nothing: not our child
    std::string output;            ///< JSON lines
    std::string errors;            ///< "vmigrate: WHAT"
    std::optional<history::Entry> entry;  ///< of the migration, if it got that far
    bool destination_answers = true;      ///< now
};

/// What becomes of the guest is decided by outcome and trouble. A migration without an outcome is
/// taken for unknown: recover it first.
fleet::MoveEnded move_ended(const std::string& uuid, const MoveTrace& trace);

}  // namespace vmigrate::cli
