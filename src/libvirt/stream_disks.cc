// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/stream_disks.h"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <string_view>

#include "libvirt/qmp.h"
#include "libvirt/session.h"

namespace vmigrate::libvirt {
namespace {

std::string alias_of(const pugi::xml_document& document, const std::string& target) {
    for (const auto disk : document.child("domain").child("devices").children("disk")) {
        if (target == disk.child("target").attribute("dev").value()) {
            return disk.child("alias").attribute("name").value();
        }
    }
    return {};
}

// "/machine/peripheral/virtio-disk0/virtio-backend" or "virtio-disk0" is of the alias virtio-disk0.
bool is_of(std::string_view device, const std::string& alias) {
    return device == alias || device.find("/" + alias + "/") != std::string_view::npos ||
           device.ends_with("/" + alias);
}

}  // namespace

Result<Json> stream_devices(const std::string& live_xml, const Json& blocks,
                            const std::vector<VolumeMove>& volumes) {
    pugi::xml_document document;
    document.load_buffer(live_xml.data(), live_xml.size());
    Json devices = Json::array();
    for (const auto& volume : volumes) {
        const auto alias = alias_of(document, volume.target);
        std::string found;
        for (const auto& block : blocks) {
            const auto device = block.is_object() ? block.value("qdev", "") : std::string();
            if (!alias.empty() && is_of(device, alias)) {
                found = device;
            }
        }
        if (found.empty()) {
            return fail(ErrorKind::hypervisor,
                        fmt::format("QEMU does not name disk {}", volume.target));
        }
        devices.push_back(found);
    }
    return devices;
}

Result<Json> stream_devices(virDomainPtr domain, const std::vector<VolumeMove>& volumes) {
    const auto xml = take(virDomainGetXMLDesc(domain, 0));
    if (xml.empty()) {
        return fail(last_error("cannot read the guest's description"));
    }
    const auto blocks = execute(domain, "query-block");
    if (!blocks) {
        return fail(blocks.error());
    }
    return stream_devices(xml, *blocks, volumes);
}

}  // namespace vmigrate::libvirt
