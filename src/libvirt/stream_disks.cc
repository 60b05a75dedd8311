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

Result<std::vector<CopiedDisk>> copied_disks(const std::string& live_xml, const Json& blocks,
                                             const std::vector<VolumeMove>& volumes) {
    pugi::xml_document document;
    document.load_buffer(live_xml.data(), live_xml.size());
    std::vector<CopiedDisk> disks;
    for (const auto& volume : volumes) {
        const auto alias = alias_of(document, volume.target);
        std::string found;
        for (const auto& block : blocks) {
            const auto device = member(block, "qdev", std::string());
            if (!alias.empty() && is_of(device, alias)) {
                found = device;
            }
        }
        if (found.empty()) {
            return fail(ErrorKind::hypervisor,
                        fmt::format("QEMU does not name disk {}", volume.target));
        }
        disks.push_back({volume.target, found, "drive-" + alias});
    }
    return disks;
}

Result<std::vector<CopiedDisk>> copied_disks(virDomainPtr domain,
                                             const std::vector<VolumeMove>& volumes) {
    const auto xml = take(virDomainGetXMLDesc(domain, 0));
    if (xml.empty()) {
        return fail(last_error("cannot read the guest's description"));
    }
    const auto blocks = execute(domain, "query-block");
    if (!blocks) {
        return fail(blocks.error());
    }
    return copied_disks(xml, *blocks, volumes);
}

namespace {

Result<Json> devices_of(const Result<std::vector<CopiedDisk>>& disks) {
    if (!disks) {
        return fail(disks.error());
    }
    Json devices = Json::array();
    for (const auto& disk : *disks) {
        devices.push_back(disk.device);
    }
    return devices;
}

}  // namespace

Result<Json> stream_devices(const std::string& live_xml, const Json& blocks,
                            const std::vector<VolumeMove>& volumes) {
    return devices_of(copied_disks(live_xml, blocks, volumes));
}

Result<Json> stream_devices(virDomainPtr domain, const std::vector<VolumeMove>& volumes) {
    return devices_of(copied_disks(domain, volumes));
}

}  // namespace vmigrate::libvirt
