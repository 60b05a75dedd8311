// SPDX-License-Identifier: GPL-2.0-or-later
//
// The real Announcer, of one guest on its destination. Ownership: borrows the session. Blocks up to
// two seconds for each call.
#pragma once

#include <memory>

#include "libvirt/session.h"
#include "orchestrator/announcer.h"

namespace vmigrate::libvirt {

std::unique_ptr<Announcer> make_announcer(Session& destination, const GuestRef& guest);

}  // namespace vmigrate::libvirt
