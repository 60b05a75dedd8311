// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to what emulators have answered a short while ago: who moves many guests to one host
// does not start its emulator for each of them only to ask what it can do. Implemented in history/.
// Thread rule: one thread. Errors: none; what cannot be remembered is asked again.
#pragma once

#include <optional>
#include <string>

#include "orchestrator/facts.h"

namespace vmigrate {

/// An emulator of a host.
struct EmulatorKey {
    std::string host_uri;
    std::string emulator;
    std::string arch;
};

class EmulatorMemory {
  public:
    virtual ~EmulatorMemory() = default;
    /// Nothing: it was not asked, or so long ago that another one may have been installed.
    virtual std::optional<QemuFeatures> recall(const EmulatorKey& key) = 0;
    virtual void keep(const EmulatorKey& key, const QemuFeatures& answer) = 0;
};

}  // namespace vmigrate
