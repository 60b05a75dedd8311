// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a running QEMU can do for a migration, and putting its settings back as they were.
// Private to libvirt/ except query_features (survey.h). Thread rule and errors: as qmp.h.
#pragma once

#include <string>

#include "libvirt/handles.h"
#include "orchestrator/facts.h"
#include "orchestrator/json.h"

namespace vmigrate::libvirt {

Result<QemuFeatures> features_of(virDomainPtr domain);

/// {"capabilities": {NAME: bool}, "parameters": {NAME: value}}
Json settings_in(const QemuSettings& settings);

/// All that a migration may change, with the limits of the disks: "disk_limits": {DEVICE: LIMITS}.
Result<Json> settings_of(virDomainPtr domain);

/// The settings of `now` that must be set to get those of `then`; both as settings_in or
/// settings_of make them. What `now` does not know is left out: it is another QEMU, or a disk that
/// went. What `then` did not tell, because it
/// was never set, gets the value that means the same.
Json settings_to_restore(const Json& then, const Json& now);

/// Sets `settings`, as settings_to_restore makes them. When QEMU refuses the capabilities the
/// parameters and limits are set all the same, and the other way round.
Result<void> apply_settings(virDomainPtr domain, const Json& settings);

}  // namespace vmigrate::libvirt
