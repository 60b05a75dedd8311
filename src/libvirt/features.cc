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
        features.version = fmt::format("{}.{}.{}", member(*qemu, "major", 0U),
                                       member(*qemu, "minor", 0U), member(*qemu, "micro", 0U));
    }
    features.package = member(*version, "package", std::string());
    for (const auto& entry : *capabilities) {
        if (entry.is_object()) {
            features.capabilities[member(entry, "capability", std::string())] =
                member(entry, "state", false);
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

/// An object, which is empty where there is none.
Json object_in(const Json& json, const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_object() ? *found : Json::object();
}

/// What `now` has, too, and has differently.
Json changed_back(const Json& then, const Json& now) {
    Json changed = Json::object();
    for (const auto& [name, value] : then.items()) {
        if (now.contains(name) && now[name] != value) {
            changed[name] = value;
        }
    }
    return changed;
}

}  // namespace

Json settings_to_restore(const Json& then, const Json& now) {
    Json changed = Json::object();
    for (const auto* group : {"capabilities", "parameters"}) {
        changed[group] = changed_back(object_in(then, group), object_in(now, group));
    }
    auto limits = changed_back(object_in(then, "disk_limits"), object_in(now, "disk_limits"));
    if (!limits.empty()) {
        changed["disk_limits"] = std::move(limits);
    }
    if (!then.contains("parameters")) {
        return changed;
    }
    const auto told = object_in(then, "parameters");
    const auto untold = changed_back(untold_parameters(), object_in(now, "parameters"));
    for (const auto& [name, value] : untold.items()) {
        if (!told.contains(name)) {
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
