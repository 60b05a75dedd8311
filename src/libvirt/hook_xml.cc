// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/hook_xml.h"

#include <fmt/format.h>

#include "base/text.h"
#include "libvirt/domain_xml.h"

namespace vmigrate::libvirt {
namespace {

/// 8-4-4-4-12 hexadecimal digits.
bool is_uuid(const std::string& text) {
    constexpr std::string_view pattern = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    if (text.size() != pattern.size()) {
        return false;
    }
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const bool fits = pattern[i] == '-'
                              ? text[i] == '-'
                              : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
        if (!fits) {
            return false;
        }
    }
    return true;
}

}  // namespace

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
