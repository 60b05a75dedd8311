// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/features.h"

#include <fmt/format.h>

#include "libvirt/disk_limits.h"
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

Json settings_in(const QemuSettings& settings) {
    Json json{{"capabilities", Json::object()}, {"parameters", Json::object()}};
    for (const auto& [name, on] : settings.capabilities) {
        json["capabilities"][name] = on;
    }
    for (const auto& [name, value] : settings.parameters) {
        json["parameters"][name] = Json::parse(value, nullptr, false);
    }
    return json;
}

Result<Json> settings_of(virDomainPtr domain) {
    const auto features = features_of(domain);
    if (!features) {
        return fail(features.error());
    }
    auto limits = disk_limits_of(domain);
    if (!limits) {
        return limits;
    }
    auto settings = settings_in(*features);
    settings["disk_limits"] = std::move(*limits);
    return settings;
}

namespace {

// QEMU tells these only once they were set; each with the value that means the same as none.
const Json& untold_parameters() {
    static const Json untold{{"block-devices", Json::array({"*"})}};
    return untold;
}

}  // namespace

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
    if (then.is_object() && then.contains("disk_limits")) {
        const auto& limits_now = now.value("disk_limits", Json::object());
        for (const auto& [device, limits] : then["disk_limits"].items()) {
            if (limits_now.contains(device) && limits_now[device] != limits) {
                changed["disk_limits"][device] = limits;
            }
        }
    }
    if (!then.is_object() || !then.contains("parameters") || !now.contains("parameters")) {
        return changed;
    }
    for (const auto& [name, value] : untold_parameters().items()) {
        const auto current = now["parameters"].find(name);
        if (!then["parameters"].contains(name) && current != now["parameters"].end() &&
            *current != value) {
            changed["parameters"][name] = value;
        }
    }
    return changed;
}

Result<void> apply_settings(virDomainPtr domain, const Json& settings) {
    Json capabilities = Json::array();
    for (const auto& [name, on] : settings["capabilities"].items()) {
        capabilities.push_back({{"capability", name}, {"state", on}});
    }
    Result<Json> switched;
    Result<Json> set;
    if (!capabilities.empty()) {
        switched = execute(domain, "migrate-set-capabilities", {{"capabilities", capabilities}});
    }
    if (!settings["parameters"].empty()) {
        set = execute(domain, "migrate-set-parameters", settings["parameters"]);
    }
    Result<void> limited;
    if (settings.contains("disk_limits")) {
        for (const auto& [device, limits] : settings["disk_limits"].items()) {
            if (auto done = set_disk_limits(domain, device, limits); !done) {
                limited = std::move(done);
            }
        }
    }
    if (!switched || !set) {
        return fail(!switched ? switched.error() : set.error());
    }
    return limited;
}

}  // namespace vmigrate::libvirt
