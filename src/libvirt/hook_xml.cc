// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/hook_xml.h"

#include <fmt/format.h>

#include "base/text.h"
#include "libvirt/domain_xml.h"

namespace vmigrate::libvirt {

Result<Arrival> arrival_at(const HostAccess& host, const std::string& xml) {
    const auto facts = read_domain_xml(xml);
    if (!facts) {
        return fail(facts.error());
    }
    if (!is_uuid(facts->ref.uuid)) {
        return fail(ErrorKind::usage,
                    fmt::format("{} is no UUID of a guest", vmigrate::quoted(facts->ref.uuid)));
    }
    auto adapted = adapt_domain_xml(xml, {host.emulator, {}, host.graphics_listen});
    if (!adapted) {
        return fail(adapted.error());
    }
    return Arrival{facts->ref.uuid, std::move(*adapted)};
}

Result<std::vector<std::string>> taps_of(const std::string& xml) {
    const auto facts = read_domain_xml(xml);
    if (!facts) {
        return fail(facts.error());
    }
    std::vector<std::string> taps;
    for (const auto& nic : facts->nics) {
        if (!nic.tap.empty()) {
            taps.push_back(nic.tap);
        }
    }
    return taps;
}

}  // namespace vmigrate::libvirt
