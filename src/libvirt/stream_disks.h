// SPDX-License-Identifier: GPL-2.0-or-later
//
// The disks that QEMU copies in the stream, by QEMU's names for them: libvirt's are other ones.
// Private to libvirt/. Thread rule and errors: as qmp.h.
#pragma once

#include <string>
#include <vector>

#include "libvirt/handles.h"
#include "orchestrator/json.h"

namespace vmigrate::libvirt {

/// QEMU's devices of `volumes`, as its parameter block-devices takes them.
Result<Json> stream_devices(virDomainPtr domain, const std::vector<VolumeMove>& volumes);

/// The same from the running guest's description and what query-block has answered. Pure.
/// Error (hypervisor): a disk that one of them does not have.
Result<Json> stream_devices(const std::string& live_xml, const Json& blocks,
                            const std::vector<VolumeMove>& volumes);

}  // namespace vmigrate::libvirt
