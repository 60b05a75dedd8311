// SPDX-License-Identifier: GPL-2.0-or-later
//
// What waits in a tap while its guest does not run: as many packets as its queue is long, then the
// newest are lost. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace vmigrate::handover {

/// Of a network device of this host's; it stays that long. Needs CAP_NET_ADMIN.
/// Errors: not_found (no such device), internal (the kernel's words).
Result<void> set_tap_queue(const std::string& device, std::uint32_t packets);

/// How long the guest may run on while its packets are kept in a queue of this length as well: half
/// of it is for those that come while nobody runs it. Nothing: too short for a guest to be stopped
/// in.
std::optional<milliseconds> longest_lead(double packets_per_second, std::uint32_t queue);

}  // namespace vmigrate::handover
