// SPDX-License-Identifier: GPL-2.0-or-later
//
// One guest as a daemon knows it: finding it, its state, its processor time. Private to libvirt/
// except find_guest and list_guests (survey.h). Thread rule: any thread. Blocks as libvirt does.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "libvirt/handles.h"
#include "orchestrator/types.h"

namespace vmigrate::libvirt {

/// Error: not_found only when the daemon answers that it has no such guest.
Result<DomainHandle> domain_by_uuid(virConnectPtr connection, const std::string& uuid);

/// A guest that is called `name_or_uuid`, else one that has it as UUID. Error as above.
Result<DomainHandle> domain_by_name_or_uuid(virConnectPtr connection,
                                            const std::string& name_or_uuid);

/// It has a process. Error: not_found when it has gone since it was looked for.
Result<bool> is_active(virDomainPtr domain);

/// Never `absent` or `unreachable`; these are errors here (not_found, unreachable, ...).
Result<GuestState> state_of(virDomainPtr domain);

/// As state_of, with the errors turned into states.
GuestState state_by_uuid(virConnectPtr connection, const std::string& uuid);

/// True while a migration leaves this host. nullopt = cannot tell.
std::optional<bool> migrates_away(virDomainPtr domain);

/// What the daemon says of a post-copy of a guest that it has.
Result<PostcopyState> postcopy_state_of(virDomainPtr domain);

/// True while the daemon has asked the guest's QEMU something. That one is not asked for this.
Result<bool> waits_for_qemu(virDomainPtr domain);

/// "migration out" and the like; nothing when the guest has no job.
std::optional<std::string> job_of(virDomainPtr domain);

std::optional<CpuUse> cpu_use_of(virDomainPtr domain);

}  // namespace vmigrate::libvirt
