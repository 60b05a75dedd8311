// SPDX-License-Identifier: GPL-2.0-or-later
//
// `evacuate --stop-unmovable`: guests that could not move are asked to shut down. None is ended by
// force. Thread rule: blocks the caller.
#pragma once

#include <vector>

#include "cli/config.h"
#include "cli/fleet_runner.h"
#include "orchestrator/events.h"

namespace vmigrate::cli {

/// Of `guests` those that are unmovable, or whose attempts failed, have `limit` to shut down, all
/// at once; their rows then say what became of them. An AbortRequested in `interrupts` ends the
/// wait, and is left to the caller as false.
bool stop_guests(const Config& config, milliseconds limit,
                 std::vector<history::EvacuationGuest>& guests, EventQueue& interrupts,
                 FleetView& view);

}  // namespace vmigrate::cli
