// SPDX-License-Identifier: GPL-2.0-or-later
//
// `vmigrate net follow`: the network of a migration that somebody else runs. Thread rule: blocks
// the caller until the migration is over.
#pragma once

#include <string>

#include "cli/config.h"

namespace vmigrate::cli {

/// `guest`: name or UUID; `destination`: key of the configuration. The source is searched for among
/// the other hosts. Returns the exit code.
int follow_network(const Config& config, const std::string& guest, const std::string& destination);

}  // namespace vmigrate::cli
