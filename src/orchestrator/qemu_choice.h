// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the QEMU of qemu/ can do that libvirt has no word for, and what of it a migration uses: from
// the policy and from what the QEMU on either side knows. What only the defaults ask for is left
// out where it is not known; what somebody asked for is then refused. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/plan.h"

namespace vmigrate {

struct QemuChoice {
    std::vector<QemuWish> wishes;  ///< in the order of the manual
    QemuSettings settings;         ///< of the source's QEMU, for this migration
};

/// Whether a QEMU has a capability or parameter of this name.
bool knows(const std::optional<QemuFeatures>& qemu, const std::string& name);

/// Something is wanted that the source's QEMU knows and the destination's must know as well.
bool needs_destination_qemu(const Request& request, const GuestFacts& guest);

/// Nothing at all for a guest that has no QEMU. What is "auto" in the request counts as not wanted.
QemuChoice choose_qemu(const Request& request, const GuestFacts& guest,
                       const DestinationFacts& destination);

/// "qemu-settings": fails for what was asked for and cannot be used.
Check check_qemu(const QemuChoice& choice);

/// Names of the capabilities and parameters that a QEMU has beyond a stock one's.
std::vector<std::string> extras_of(const QemuFeatures& qemu);

}  // namespace vmigrate
