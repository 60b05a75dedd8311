// SPDX-License-Identifier: GPL-2.0-or-later
//
// libvirt's description of a guest, read and adapted. Pure: text in, values out; any thread.
// Private to libvirt/.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "orchestrator/facts.h"

namespace vmigrate::libvirt {

/// Everything of GuestFacts that the description says; the rest stays as it was made. `xml` is kept
/// in the result. Error (hypervisor): not a domain description.
Result<GuestFacts> read_domain_xml(const std::string& xml);

/// The guest's architecture, "x86_64"; empty when it says none.
std::string arch_in(const std::string& domain_xml);

/// Path prefixes, elsewhere's -> here's. The longest matching prefix wins; a prefix matches whole
/// path components only.
using PathMap = std::vector<std::pair<std::string, std::string>>;
std::string map_path(const std::string& path, const PathMap& map);

/// What must be different in the description on another host.
struct Adaptation {
    std::string emulator;         ///< empty = keep
    PathMap path_map;             ///< for the sources of disks
    std::string graphics_listen;  ///< empty = keep; replaces only addresses of one interface
};

/// The adapted description; nothing when there is nothing to adapt.
/// Error (hypervisor): not a domain description.
Result<std::optional<std::string>> adapt_domain_xml(const std::string& xml,
                                                    const Adaptation& adaptation);

}  // namespace vmigrate::libvirt
