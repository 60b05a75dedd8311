// SPDX-License-Identifier: GPL-2.0-or-later
//
// Goes along with a migration that somebody else runs, virsh or a cloud: only the network is ours.
// It follows the guest's events on both sides, and in the end, or when events were missed, what
// both daemons answer. Thread rule: blocks the caller. Everything but the edges is pure.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "orchestrator/events.h"
#include "orchestrator/handover.h"
#include "orchestrator/hypervisor.h"

namespace vmigrate {

struct AccompanyEdges {
    Hypervisor& hypervisor;  ///< only asked
    NetworkHandover& network;
    EventSource& events;
    const Clock& clock;
    std::function<void(const std::string&)> notice;  ///< what did not work, one line each
};

enum class Accompanied {
    moved,
    stayed,
    others,  ///< somebody else sees to the network; nothing was touched
    failed,  ///< nothing was touched, see the notices
    unknown  ///< who has the guest cannot be told; nothing more was done
};

Accompanied accompany(const AccompanyEdges& edges);

}  // namespace vmigrate
