// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the source still has of a guest that has moved: a process that libvirt did not end, since a
// daemon died or was away just when the migration was complete. The only process of a guest that
// vmigrate ever ends, so each of these is asked for the proof. Private to libvirt/.
// Thread rule: any thread; the calls with a domain block as libvirt does.
#pragma once

#include <libvirt/libvirt.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "orchestrator/facts.h"
#include "orchestrator/json.h"
#include "orchestrator/plan.h"

namespace vmigrate::libvirt {

/// What QEMU answers to query-status and query-migrate.
struct QemuWords {
    Json status;
    Json migration;
};

/// The guest runs there, and all of it has come. Pure.
bool has_it_all(const QemuWords& destination);
/// It has sent all of the guest, has heard that it came, and has not run since. Pure.
bool has_given_it_away(const QemuWords& source);

/// The target of a disk that the destination may use, too: the guest writes to it, and it is none
/// of `copied`. Nothing: there is none. Pure.
std::optional<std::string> shared_disk(const std::vector<DiskFacts>& disks,
                                       const std::vector<VolumeMove>& copied);

/// Error (hypervisor): it is not certain that the guest is there, running, with all that it has.
Result<void> check_arrival(virDomainPtr on_destination);

/// Ends the process if it has given the guest away and shares no disk: libvirt takes a disk's owner
/// and label back when it ends a guest, unless it does so itself, after a migration. No process is
/// no error. Error (hypervisor): it is not certain, or libvirt refuses; nothing was done.
/// REQUIRES: check_arrival has just said yes.
Result<void> end_husk(virDomainPtr on_source, const std::vector<VolumeMove>& copied);

}  // namespace vmigrate::libvirt
