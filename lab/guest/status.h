// SPDX-License-Identifier: GPL-2.0-or-later
// The counters as a line on the console, for who does not hear the heartbeat: `vmigrate verify`
// reads it through libvirt, wherever the guest runs.
#pragma once

#include <cstdint>
#include <string>

#include "guest/counters.h"
#include "guest/settings.h"

namespace vmigrate::lab {

// "VERIFIER boot=ID sequence=N ready=1 passes=MEMORY,DISK,... verified_bytes=N errors=N", and below
// it "VERIFIER BUG TEXT" when something was found: one of the findings, each has its turn.
std::string status_lines(const Counters& counters, const std::string& boot, std::uint64_t sequence);

// Prints them as often as Settings::report says.
void report_forever(const SettingsStore& settings, const Counters& counters);

}  // namespace vmigrate::lab
