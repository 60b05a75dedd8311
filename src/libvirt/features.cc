// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/features.h"

#include <fmt/format.h>

#include "libvirt/qmp.h"

namespace vmigrate::libvirt {

Result<QemuFeatures> features_of(virDomainPtr domain) {
    const auto version = execute(domain, "query-version");
    const auto capabilities = execute(domain, "query-migrate-capabilities");
    const auto parameters = execute(domain, "query-migrate-parameters");
    for (const auto* answer : {&version, &capabilities, &parameters}) {
        if (!*answer) {
            return fail(answer->error());
        }
    }
    if (!version->is_object() || !capabilities->is_array() || !parameters->is_object()) {
        return fail(ErrorKind::hypervisor, "QEMU describes its migration in an unknown form");
    }
    QemuFeatures features;
    if (const auto qemu = version->find("qemu"); qemu != version->end() && qemu->is_object()) {
        features.version = fmt::format("{}.{}.{}", qemu->value("major", 0), qemu->value("minor", 0),
                                       qemu->value("micro", 0));
    }
    features.package = version->value("package", "");
    for (const auto& entry : *capabilities) {
        if (entry.is_object()) {
            features.capabilities[entry.value("capability", "")] = entry.value("state", false);
        }
    }
    for (const auto& [name, value] : parameters->items()) {
        features.parameters[name] = line(value);
    }
    return features;
}

Json settings_in(const QemuFeatures& features) {
    Json settings{{"capabilities", Json::object()}, {"parameters", Json::object()}};
    for (const auto& [name, on] : features.capabilities) {
        settings["capabilities"][name] = on;
    }
    for (const auto& [name, value] : features.parameters) {
        settings["parameters"][name] = Json::parse(value, nullptr, false);
    }
    return settings;
}

Json settings_to_restore(const Json& then, const Json& now) {
    Json changed{{"capabilities", Json::object()}, {"parameters", Json::object()}};
    for (const auto* group : {"capabilities", "parameters"}) {
        if (!then.is_object() || !then.contains(group) || !now.contains(group)) {
            continue;
        }
        for (const auto& [name, value] : then[group].items()) {
            const auto current = now[group].find(name);
            if (current != now[group].end() && *current != value) {
                changed[group][name] = value;
            }
        }
    }
    return changed;
}

Result<void> apply_settings(virDomainPtr domain, const Json& settings) {
    Json capabilities = Json::array();
    for (const auto& [name, on] : settings["capabilities"].items()) {
        capabilities.push_back({{"capability", name}, {"state", on}});
    }
    if (!capabilities.empty()) {
        auto done = execute(domain, "migrate-set-capabilities", {{"capabilities", capabilities}});
        if (!done) {
            return fail(std::move(done.error()));
        }
    }
    if (!settings["parameters"].empty()) {
        auto done = execute(domain, "migrate-set-parameters", settings["parameters"]);
        if (!done) {
            return fail(std::move(done.error()));
        }
    }
    return {};
}

}  // namespace vmigrate::libvirt
