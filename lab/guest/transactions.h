// SPDX-License-Identifier: GPL-2.0-or-later
// A stand-in for what the guest is good for: equal units of CPU and memory work, counted. A
// throttled or crowded vCPU shows as fewer of them.
#pragma once

#include "guest/counters.h"
#include "guest/settings.h"

namespace vmigrate::lab {

[[noreturn]] void transact_forever(SettingsStore& settings, Counters& counters);

}  // namespace vmigrate::lab
