// SPDX-License-Identifier: GPL-2.0-or-later
//
// QEMU's connections to the copies of disks that libvirt has it make on the destination. When the
// network to them is away, what is on its way there is waited for, by QEMU's main loop as soon as
// the migration is cancelled, and so by the guest: until TCP gives up, a quarter of an hour.
// Private to libvirt/. Thread rule: as qmp.h.
#pragma once

#include "libvirt/handles.h"
#include "orchestrator/json.h"

namespace vmigrate::libvirt {

/// Those of them that are in an answer to query-yank, as yank takes them. Pure.
Json copy_connections_in(const Json& instances);

/// Ends them; the copies fail, and the migration with them, if it has not switched over. False:
/// there were none, or QEMU does not do it.
bool drop_copy_connections(virDomainPtr domain);

}  // namespace vmigrate::libvirt
