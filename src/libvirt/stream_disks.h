// SPDX-License-Identifier: GPL-2.0-or-later
//
// The disks that are copied, by QEMU's names for them: libvirt's are other ones.
// Private to libvirt/. Thread rule and errors: as qmp.h.
#pragma once

#include <string>
#include <vector>

#include "libvirt/handles.h"
#include "orchestrator/json.h"

namespace vmigrate::libvirt {

/// A disk that is copied.
struct CopiedDisk {
    std::string target;  ///< "vda"
    std::string device;  ///< that the guest sees, as QEMU's commands take it for `id`
    std::string job;     ///< that would mirror it, as libvirt names it
};

/// Of the running guest's description and what query-block has answered. Pure.
/// Error (hypervisor): a disk that one of them does not have.
Result<std::vector<CopiedDisk>> copied_disks(const std::string& live_xml, const Json& blocks,
                                             const std::vector<VolumeMove>& volumes);
Result<std::vector<CopiedDisk>> copied_disks(virDomainPtr domain,
                                             const std::vector<VolumeMove>& volumes);

/// QEMU's devices of `volumes`, as its parameter block-devices takes them.
Result<Json> stream_devices(virDomainPtr domain, const std::vector<VolumeMove>& volumes);

/// The same from the running guest's description and what query-block has answered. Pure.
/// Error (hypervisor): a disk that one of them does not have.
Result<Json> stream_devices(const std::string& live_xml, const Json& blocks,
                            const std::vector<VolumeMove>& volumes);

}  // namespace vmigrate::libvirt
