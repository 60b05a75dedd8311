// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asks a guest each millisecond, by ICMP echo from this machine, whether it is there. What this
// machine itself is late with is not sent, so it is not lost; but it lengthens a gap.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "orchestrator/network_probe.h"

namespace vmigrate::probe {

/// Waits for the first answer, then asks in a thread of its own until end(), or until it is
/// destroyed. Error (usage, denied, unreachable): as EchoSocket's, or the guest does not answer.
Result<std::unique_ptr<NetworkProbe>> start_echo(const std::string& address);

}  // namespace vmigrate::probe
