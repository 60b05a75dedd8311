// SPDX-License-Identifier: GPL-2.0-or-later
//
// A file that somebody may read while it is written. Thread rule: one thread for each file.
#pragma once

#include <string>

#include "base/result.h"

namespace vmigrate::cli {

enum class Readers {
    as_umask,
    everybody  ///< such as a collector, which is another user
};

/// Whoever reads the file meanwhile finds the old one or the new one, whole.
/// Error (storage): nothing has changed.
Result<void> write_at_once(const std::string& path, const std::string& text, Readers readers);

}  // namespace vmigrate::cli
