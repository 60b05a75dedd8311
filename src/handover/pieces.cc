// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/pieces.h"

#include <algorithm>
#include <thread>

namespace vmigrate::handover {

Result<void> change_in_pieces(netflow::Switch& bridge, std::span<const netflow::FlowMod> changes) {
    Result<void> done;
    for (bool first = true; done && !changes.empty(); first = false) {
        if (!first) {
            std::this_thread::sleep_for(pause_between_changes);
        }
        const auto piece = changes.first(std::min(changes_at_once, changes.size()));
        changes = changes.subspan(piece.size());
        done = bridge.change_all(piece);
    }
    return done;
}

}  // namespace vmigrate::handover
