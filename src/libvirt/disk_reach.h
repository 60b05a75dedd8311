// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether a destination reaches a guest's disks. Private to libvirt/. Thread rule: any thread.
#pragma once

#include <string>
#include <vector>

#include "libvirt/session.h"
#include "orchestrator/facts.h"

namespace vmigrate::libvirt {

/// One entry for each disk that has a source. Nothing on storage is touched; a pool that does not
/// list a file is made to read its folder again, since it may have come there lately.
std::vector<DiskReachFacts> reach_of_disks(Session& destination, Session& source,
                                           const GuestFacts& guest);

/// What a storage pool says about one volume; times are "seconds.nanoseconds" as libvirt prints
/// them.
struct VolumeIdentity {
    std::string type;  ///< "file", "block", ...
    std::string key;   ///< unique for block devices; the path for files
    std::uint64_t capacity = 0;
    std::string modified;
    std::string changed;
};

/// From libvirt's description of a volume. Pure.
VolumeIdentity read_volume_xml(const std::string& xml);

/// Whether `there` is the very volume that was read here as `before` and, after that, as `after`:
/// a guest may write to it all the time. Pure.
bool is_same_volume(const VolumeIdentity& before, const VolumeIdentity& there,
                    const VolumeIdentity& after);

/// Whether `path` is in or below one of `folders`. Pure.
bool lies_under(const std::string& path, const std::vector<std::string>& folders);

}  // namespace vmigrate::libvirt
