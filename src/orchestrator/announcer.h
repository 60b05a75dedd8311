// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to what a guest that has moved says of itself to its new network. Implemented in
// libvirt/. Thread rule: one thread. Errors: unreachable, hypervisor, verbatim.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace vmigrate {

class Announcer {
  public:
    virtual ~Announcer() = default;
    /// Packets that the card with this address has sent on the destination.
    virtual Result<std::uint64_t> packets_sent(const std::string& mac) = 0;
    /// Lets QEMU send for all cards what makes switches learn where they are.
    virtual Result<void> announce() = 0;
};

}  // namespace vmigrate
