// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/volumes.h"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <cstdlib>
#include <pugixml.hpp>
#include <sstream>

#include "base/text.h"
#include "libvirt/domain_xml.h"
#include "libvirt/session.h"

namespace vmigrate::libvirt {
namespace {

// A running guest's disks are as it has them now, which is what matters.
Result<std::string> user_of(virConnectPtr connection, const std::string& path) {
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(connection, &domains, 0);
    if (count < 0) {
        return fail(last_error("cannot list guests"));
    }
    std::string user;
    for (int i = 0; i < count; ++i) {
        const DomainHandle domain(domains[i]);
        const auto facts = read_domain_xml(take(virDomainGetXMLDesc(domain.get(), 0)));
        if (!facts) {
            continue;
        }
        for (const auto& disk : facts->disks) {
            if (disk.source == path) {
                user = facts->ref.name;
            }
        }
    }
    free(domains);
    return user;
}

// A sparse volume that nobody wrote to has at most its format's own tables on the disk.
bool holds_data(virStorageVolPtr volume) {
    constexpr unsigned long long kMostTables = 1U << 20U;
    virStorageVolInfo info{};
    return virStorageVolGetInfo(volume, &info) < 0 || info.allocation > kMostTables;
}

}  // namespace

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (!path.starts_with('/') || slash + 1 == path.size()) {
        return {};
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string file_of(const std::string& path) {
    return folder_of(path).empty() ? "" : path.substr(path.rfind('/') + 1);
}

PoolHandle pool_covering(virConnectPtr connection, const std::string& path) {
    const auto folder = folder_of(path);
    if (folder.empty()) {
        return nullptr;
    }
    PoolHandle pool(virStoragePoolLookupByTargetPath(connection, folder.c_str()));
    return pool && virStoragePoolIsActive(pool.get()) == 1 ? std::move(pool) : nullptr;
}

VolumeHandle volume_in(virStoragePoolPtr pool, const std::string& path) {
    const auto look_up = [&]() -> VolumeHandle {
        VolumeHandle volume(virStorageVolLookupByName(pool, file_of(path).c_str()));
        return volume && take(virStorageVolGetPath(volume.get())) == path ? std::move(volume)
                                                                          : nullptr;
    };
    auto volume = look_up();
    if (!volume && virStoragePoolRefresh(pool, 0) == 0) {
        volume = look_up();
    }
    return volume;
}

std::string volume_xml(const VolumeMove& volume) {
    pugi::xml_document document;
    auto root = document.append_child("volume");
    root.append_child("name").text().set(file_of(volume.path).c_str());
    const auto size = [&root](const char* name, std::uint64_t bytes) {
        auto node = root.append_child(name);
        node.append_attribute("unit").set_value("bytes");
        node.text().set(static_cast<unsigned long long>(bytes));
    };
    size("capacity", volume.capacity.count);
    size("allocation", 0);
    root.append_child("target").append_child("format").append_attribute("type").set_value(
        volume.format.empty() ? "raw" : volume.format.c_str());
    std::ostringstream out;
    document.save(out, "  ", pugi::format_default | pugi::format_no_declaration);
    return out.str();
}

Result<void> create_volume(virConnectPtr connection, const VolumeMove& volume) {
    if (!volume.make) {
        return {};
    }
    const auto pool = pool_covering(connection, volume.path);
    if (!pool) {
        return fail(ErrorKind::hypervisor,
                    fmt::format("no active storage pool has the folder of {}; define one there, or "
                                "map the path with path-map",
                                vmigrate::quoted(volume.path)));
    }
    const VolumeHandle made(virStorageVolCreateXML(pool.get(), volume_xml(volume).c_str(), 0));
    if (!made) {
        return fail(last_error(fmt::format("cannot make {}", vmigrate::quoted(volume.path))));
    }
    return {};
}

Result<void> delete_volume(virConnectPtr connection, const std::string& path,
                           Hypervisor::Removal removal) {
    const auto pool = pool_covering(connection, path);
    if (!pool) {
        return fail(
            ErrorKind::hypervisor,
            fmt::format("no active storage pool has the folder of {}", vmigrate::quoted(path)));
    }
    const auto volume = volume_in(pool.get(), path);
    if (!volume) {
        return {};
    }
    const auto user = user_of(connection, path);
    if (!user) {
        return fail(user.error());
    }
    if (!user->empty()) {
        return fail(ErrorKind::busy, fmt::format("{} stays: guest {} on that host uses it",
                                                 vmigrate::quoted(path), vmigrate::quoted(*user)));
    }
    if (removal == Hypervisor::Removal::if_unwritten && holds_data(volume.get())) {
        return fail(
            ErrorKind::busy,
            fmt::format("{} stays: it holds data, and whether this migration made it is not "
                        "known; look at it, then 'virsh vol-delete' it",
                        vmigrate::quoted(path)));
    }
    if (virStorageVolDelete(volume.get(), 0) < 0) {
        return fail(last_error(fmt::format("cannot remove {}", vmigrate::quoted(path))));
    }
    return {};
}

}  // namespace vmigrate::libvirt
