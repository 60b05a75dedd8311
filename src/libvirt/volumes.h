// SPDX-License-Identifier: GPL-2.0-or-later
//
// Volumes for a copy of a guest's disks. Private to libvirt/. Thread rule: any thread. Blocks as
// libvirt's calls do.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "libvirt/handles.h"
#include "orchestrator/hypervisor.h"
#include "orchestrator/plan.h"

namespace vmigrate::libvirt {

/// The active pool whose folder `path` lies in directly; null when there is none.
PoolHandle pool_covering(virConnectPtr connection, const std::string& path);

/// The volume at exactly `path`, which the pool covers; null when there is none. A pool that does
/// not list it reads its folder again first: its list is as old as its last refresh.
VolumeHandle volume_in(virStoragePoolPtr pool, const std::string& path);

/// "/a/b.img" -> "/a" and "b.img"; empty parts when it is no absolute path to a file.
std::string folder_of(const std::string& path);
std::string file_of(const std::string& path);

/// Makes the volume, without data; one that exists by plan (not `make`) is left alone. Error
/// (hypervisor): no pool covers the path; something of that name is there already (it is never
/// overwritten); libvirt's text.
Result<void> create_volume(virConnectPtr connection, const VolumeMove& volume);

/// Removes exactly that volume; nothing there is no error. Error: busy when a guest of that host
/// uses it or, with `if_unwritten`, when it holds data; libvirt's text.
Result<void> delete_volume(virConnectPtr connection, const std::string& path,
                           Hypervisor::Removal removal);

/// libvirt's description of a volume to make. Pure.
std::string volume_xml(const VolumeMove& volume);

}  // namespace vmigrate::libvirt
