// SPDX-License-Identifier: GPL-2.0-or-later
//
// `vmigrate verify --make-image`: the verifier as something that boots as a guest.
// Thread rule: main thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace vmigrate::cli {

struct ImageRequest {
    std::string folder;                  ///< made when it is not there
    std::optional<std::string> kernel;   ///< default: the one that runs here
    std::optional<std::string> modules;  ///< its folder of modules; default: as the kernel
};

/// Writes "vmlinuz", "initramfs" and "guest.xml", a description to begin with; what is there of
/// these names is replaced. Errors: usage: kernel, modules or the verifier's program are not there;
/// storage: something cannot be written.
Result<void> make_image(const ImageRequest& request);

}  // namespace vmigrate::cli
