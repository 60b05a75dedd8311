// SPDX-License-Identifier: GPL-2.0-or-later
//
// How much the guest may read from and write to its disks (QEMU's I/O throttling). Set through QEMU
// itself: libvirt's own call waits for the end of a migration. So libvirt's description of the
// guest keeps the guest's own limits, and so does the destination.
// Private to libvirt/. Thread rule and errors: as qmp.h.
#pragma once

#include <string>

#include "libvirt/handles.h"
#include "orchestrator/json.h"
#include "orchestrator/types.h"

namespace vmigrate::libvirt {

/// The limits of every disk in an answer to query-block: {DEVICE: LIMITS}, where LIMITS are those
/// arguments of block_set_io_throttle that make them. Pure.
Json disk_limits_in(const Json& blocks);

/// `own` made strict enough that no more than `limit` is written, and nothing in it looser. Pure.
Json with_write_limit(const Json& own, BytesPerSecond limit);

/// Whether another device in `all`, as disk_limits_in makes it, is under the same limits. Pure.
bool shares_limits(const Json& all, const std::string& device);

Result<Json> disk_limits_of(virDomainPtr domain);
Result<void> set_disk_limits(virDomainPtr domain, const std::string& device, const Json& limits);

}  // namespace vmigrate::libvirt
