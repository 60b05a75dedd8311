// SPDX-License-Identifier: GPL-2.0-or-later
//
// Commands for a guest's QEMU, passed through by libvirt; works during a migration too.
// Private to libvirt/. Thread rule: any thread. Blocks as libvirt's calls do.
#pragma once

#include <string>

#include "base/result.h"
#include "libvirt/handles.h"
#include "orchestrator/json.h"

namespace vmigrate::libvirt {

/// What the command returns. Error: hypervisor with QEMU's own text, or libvirt's.
Result<Json> execute(virDomainPtr domain, const std::string& command,
                     const Json& arguments = Json());

}  // namespace vmigrate::libvirt
