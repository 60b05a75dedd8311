// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace vmigrate::lab {

// Takes heartbeats and appends each to DIRECTORY/<guest in hex>.log; the file <guest>.ready appears
// with the first one whose workload runs, and <guest>.bugs has what the verifier found, once
// each. Returns only on an error, with its text.
std::string receive_forever(const std::string& directory);

}  // namespace vmigrate::lab
