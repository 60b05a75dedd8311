// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds out the facts that planning needs. No guest, volume or setting is touched; only
// survey_destination may start a guest of its own for a moment (probe.h).
// Thread rule and errors: as Session.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libvirt/session.h"
#include "orchestrator/facts.h"
#include "orchestrator/plan.h"

namespace vmigrate::libvirt {

Result<HostFacts> survey_host(Session& session);

/// A guest by name or UUID; nothing when this host has no such guest.
Result<std::optional<GuestFacts>> find_guest(Session& session, const std::string& name_or_uuid);

/// Every guest of a host, running or not (facts without measuring anything).
Result<std::vector<GuestRef>> list_guests(Session& session);

/// The host looked at as destination of one guest. Storage pools there may be made to read their
/// folders again. The emulator there is asked what it can do when the request depends on it.
Result<DestinationFacts> survey_destination(Session& destination, const HostFacts& host,
                                            Session& source, const GuestFacts& guest,
                                            const Request& request);

/// Dirty rate (libvirt's page sampling over `window`, at least 1 s) and, beside it, content of
/// sampled pages. A part that cannot be had is left out, never an error by itself.
/// `window` zero: nothing is measured but page content.
Result<MemoryFacts> measure_memory(Session& session, const GuestFacts& guest, milliseconds window);

/// What the running QEMU of a guest can do.
Result<QemuFeatures> query_features(Session& session, const GuestRef& guest);

}  // namespace vmigrate::libvirt
