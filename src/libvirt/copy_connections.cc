// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/copy_connections.h"

#include "libvirt/qmp.h"

namespace vmigrate::libvirt {

Json copy_connections_in(const Json& instances) {
    auto found = Json::array();
    if (!instances.is_array()) {
        return found;
    }
    for (const auto& instance : instances) {
        const auto name = instance.is_object() ? instance.find("node-name") : instance.end();
        // libvirt's names for what it adds in a migration: "migration-vda-storage"
        if (name != instance.end() && name->is_string() &&
            name->get_ref<const std::string&>().starts_with("migration-")) {
            found.push_back(instance);
        }
    }
    return found;
}

bool drop_copy_connections(virDomainPtr domain) {
    const auto instances = execute(domain, "query-yank");
    if (!instances) {
        return false;
    }
    const auto ours = copy_connections_in(*instances);
    return !ours.empty() && execute(domain, "yank", {{"instances", ours}}).has_value();
}

}  // namespace vmigrate::libvirt
