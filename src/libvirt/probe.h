// SPDX-License-Identifier: GPL-2.0-or-later
//
// What an emulator can do that runs no guest yet: libvirt does not tell, so a guest without disks
// or network is started with it for a moment, paused, and its QEMU is asked.
//
// Ownership: the guest belongs to a connection of its own, and libvirt destroys it when that
// connection ends, however it ends. Thread rule: any thread. Errors: as Session::open; hypervisor
// when the emulator does not start; unreachable when there is no answer in time.
#pragma once

#include <string>

#include "libvirt/session.h"
#include "orchestrator/emulator_memory.h"
#include "orchestrator/facts.h"

namespace vmigrate::libvirt {

/// What has to be like the guest that the emulator is for.
struct ProbeKind {
    std::string emulator;
    std::string domain_type;
    std::string arch;
    std::string machine;
};

/// Description of the guest to start. Pure.
std::string probe_xml(const ProbeKind& kind, const std::string& name);

/// Asks, or remembers what the same emulator of the same host has answered to this process, or to
/// another one that uses the same `memory` (may be null; borrowed).
Result<QemuFeatures> probe_emulator(const HostAccess& host, const ProbeKind& kind,
                                    EmulatorMemory* memory);

}  // namespace vmigrate::libvirt
