// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace vmigrate::lab {

// Sends KEY=VALUE words to the guest at `address` and waits for its answer, asking again for 5 s (a
// guest may just be switching hosts). Returns "" or what is wrong.
std::string send_settings(const std::string& address, const std::string& words);

}  // namespace vmigrate::lab
