// SPDX-License-Identifier: GPL-2.0-or-later
// The guest's side of the network: eth0, the echo, the control port and the heartbeat.
#pragma once

#include <cstdint>
#include <string>

#include "guest/counters.h"
#include "guest/settings.h"

namespace vmigrate::lab {

// Gives eth0 an address in a /24 and brings it up. Returns "" or what failed.
std::string set_up_interface(const std::string& address);

// The functions below never return; each wants a thread of its own.

// Sends back every datagram that comes to kEchoPort.
[[noreturn]] void echo_forever();

// Applies "ID KEY=VALUE ..." and answers "ID ok" or "ID error: ...".
[[noreturn]] void control_forever(SettingsStore& settings);

// Sends a heartbeat each 5 ms, before anything else gets the vCPU. A missed one is not made up for.
[[noreturn]] void heartbeat_forever(const Counters& counters, std::uint64_t guest,
                                    const std::string& peer);

}  // namespace vmigrate::lab
