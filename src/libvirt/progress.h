// SPDX-License-Identifier: GPL-2.0-or-later
//
// What libvirt tells about the job of a guest. Private to libvirt/. Thread rule: any thread. Blocks
// as libvirt's calls do.
#pragma once

#include "base/result.h"
#include "libvirt/handles.h"
#include "libvirt/stream_disks.h"
#include "orchestrator/json.h"
#include "orchestrator/types.h"

namespace vmigrate::libvirt {

struct JobStats {
    int type = VIR_DOMAIN_JOB_NONE;  ///< virDomainJobType
    TypedParams params;
};

/// `flags` as of virDomainGetJobStats.
Result<JobStats> job_stats(virDomainPtr domain, unsigned flags);

/// In our units, read just now. A running job is `active`: libvirt tells no more. Pure.
Sample to_sample(const JobStats& stats);

/// Of an answer to query-migrate; nothing when it says nothing about them. Pure.
std::optional<StreamDisks> stream_disks_in(const Json& answer);

/// `disks` in answers to query-blockstats and query-block-jobs; a disk that QEMU does not tell of
/// is left out. Pure.
std::vector<DiskCopy> disk_copies_in(const std::vector<CopiedDisk>& disks, const Json& blockstats,
                                     const Json& jobs);

/// Of an answer to query-migrate; nothing when it does not tell of memory that waits. Pure.
std::optional<DelayedMemory> delayed_memory_in(const Json& answer);

/// False before QEMU's first look at the dirty log, and when so little remains that it delays
/// nothing any more: to ask about it would only be in the way of the switchover. Pure.
bool may_delay(const Sample& sample);

}  // namespace vmigrate::libvirt
