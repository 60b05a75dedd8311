// SPDX-License-Identifier: GPL-2.0-or-later
//
// A guest's definition, where libvirt died before it had handed that over. Thread rule: any thread;
// each call blocks for as long as libvirt takes. Errors: ErrorKind::hypervisor, not_found when the
// guest has gone meanwhile.
#pragma once

#include <libvirt/libvirt.h>

#include "base/result.h"

namespace vmigrate::libvirt {

/// A guest that runs is there also after it has ended. Idempotent. Error, too: it does not run.
Result<void> define_for_good(virDomainPtr domain);

/// A guest that has no process is not known any more; its NVRAM stays. Error, too: it has one.
Result<void> undefine_idle(virDomainPtr domain);

}  // namespace vmigrate::libvirt
