// SPDX-License-Identifier: GPL-2.0-or-later
//
// From our words for a migration to libvirt's: flags and typed parameters. Pure; any thread.
// Private to libvirt/.
#pragma once

#include <string>

#include "libvirt/handles.h"
#include "libvirt/session.h"
#include "orchestrator/plan.h"

namespace vmigrate::libvirt {

unsigned migration_flags(const MigrationCall& call);

/// As `call` says; its destination_xml and persistent_xml are passed on as they are.
/// `destination` names the address of the memory stream if `call` does not.
TypedParams migration_params(const MigrationCall& call, const HostAccess& destination);

/// libvirt's unit, rounded to the nearest but never down to 0, which would mean no limit.
unsigned long long bandwidth_mib(BytesPerSecond limit);

/// "tcp://host" for a name, an IPv4 or an IPv6 address.
std::string stream_uri(const std::string& host);

}  // namespace vmigrate::libvirt
