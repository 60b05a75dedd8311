// SPDX-License-Identifier: GPL-2.0-or-later
//
// What waits in a tap while its guest does not run: as many packets as its queue is long, then the
// newest are lost. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace vmigrate::handover {

/// Of a network device of this host's; it stays that long. Needs CAP_NET_ADMIN.
/// Errors: not_found (no such device), internal (the kernel's words).
Result<void> set_tap_queue(const std::string& device, std::uint32_t packets);

}  // namespace vmigrate::handover
