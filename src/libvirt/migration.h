// SPDX-License-Identifier: GPL-2.0-or-later
//
// The real Hypervisor: one migration of one guest between two sessions. Registers for raw QEMU
// events and lifecycle events on both sides when made and pushes them into `events` until it is
// destroyed; to a session that is not open, when it is. Ownership: borrows both sessions and the
// queue.
#pragma once

#include <memory>

#include "libvirt/session.h"
#include "orchestrator/events.h"
#include "orchestrator/hypervisor.h"

namespace vmigrate::libvirt {

Result<std::unique_ptr<Hypervisor>> make_hypervisor(Session& source, Session& destination,
                                                    const GuestRef& guest, EventQueue& events);

}  // namespace vmigrate::libvirt
