// SPDX-License-Identifier: GPL-2.0-or-later
//
// The description of a guest that is about to arrive, or has been started, as libvirt's hook has
// it. Pure: text in, values out; any thread. Nothing in the text is trusted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "libvirt/session.h"

namespace vmigrate::libvirt {

struct Arrival {
    std::string uuid;
    std::optional<std::string> xml;  ///< adapted to the host; nothing: it is right as it is
};

/// With the host's emulator and graphics address; paths of disks are the business of whoever has
/// begun the migration. Errors: hypervisor (no description of a guest), usage (its UUID is none).
Result<Arrival> arrival_at(const HostAccess& host, const std::string& xml);

/// The taps of a guest whose QEMU has been started. Error: hypervisor (no description of a guest).
Result<std::vector<std::string>> taps_of(const std::string& xml);

}  // namespace vmigrate::libvirt
