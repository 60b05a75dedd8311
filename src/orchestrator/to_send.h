// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a plan has to send: memory as the guest writes it and as it is on the wire, and disks. What
// is predicted of a move rests on it. Pure; any thread.
#pragma once

#include "orchestrator/plan.h"
#include "orchestrator/write_profile.h"

namespace vmigrate {

struct ToSend {
    WriteProfile writes;  ///< memory that is not zero; nothing is written when the guest is paused
    double wire_share = 1;               ///< bytes on the wire for one of a page that is not zero
    Bytes disks;                         ///< to copy all of them once
    double disks_again_bytes_per_s = 0;  ///< to copy again what the guest writes meanwhile
    /// What libvirt needs around a copy of disks, beside sending it: until it is in step with the
    /// guest's writes and memory flows.
    milliseconds disks_setup{};
};

ToSend to_send(const Plan& plan);

/// The time that disks take before, or with in-stream copies beside, the memory.
milliseconds disk_time(const ToSend& sending, BytesPerSecond bandwidth);

/// Disks are copied by libvirt's block jobs, not in QEMU's stream.
bool copied_by_libvirt(const Plan& plan);

}  // namespace vmigrate
