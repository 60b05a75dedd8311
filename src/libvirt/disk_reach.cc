// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/disk_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/volumes.h"

namespace vmigrate::libvirt {
namespace {

constexpr int kTries = 3;

std::optional<VolumeIdentity> identity_of(virStorageVolPtr volume) {
    const auto xml = take(virStorageVolGetXMLDesc(volume, 0));
    return xml.empty() ? std::nullopt : std::optional(read_volume_xml(xml));
}

// "12.000000034" as a pair that can be ordered.
std::pair<std::int64_t, std::int64_t> as_time(std::string_view text) {
    std::pair<std::int64_t, std::int64_t> time{0, 0};
    const auto dot = std::min(text.find('.'), text.size());
    std::from_chars(text.data(), text.data() + dot, time.first);
    if (dot < text.size()) {
        std::from_chars(text.data() + dot + 1, text.data() + text.size(), time.second);
    }
    return time;
}

bool between(const std::string& low, const std::string& value, const std::string& high) {
    return as_time(low) <= as_time(value) && as_time(value) <= as_time(high);
}

class Judge {
  public:
    Judge(Session& destination, Session& source) : destination_(destination), source_(source) {}

    DiskReachFacts judge(const DiskFacts& disk) {
        DiskReachFacts facts{disk.target, disk.source, DiskReach::undecided, {}, false};
        if (disk.type == "network") {
            facts.reach = DiskReach::shared;
            facts.detail = "network storage";
            return facts;
        }
        if (disk.type != "file" && disk.type != "block") {
            facts.detail = fmt::format("disk type {}", disk.type);
            return facts;
        }
        facts.path = map_path(disk.source, destination_.access().path_map);
        facts.source_in_pool = pool_covering(source_.connection(), disk.source) != nullptr;
        const bool declared = lies_under(disk.source, source_.access().shared_storage) &&
                              lies_under(facts.path, destination_.access().shared_storage);
        const auto pool = pool_covering(destination_.connection(), facts.path);
        const auto volume = pool ? volume_in(pool.get(), facts.path) : nullptr;
        if (declared && (volume || !pool)) {
            facts.reach = DiskReach::shared;
            facts.detail = "in shared-storage";
        } else if (!pool) {
            facts.detail = fmt::format("no active storage pool of {} has its folder",
                                       vmigrate::quoted(destination_.access().name));
        } else if (volume) {
            compare(disk, volume.get(), facts);
        } else if (declared) {
            facts.reach = DiskReach::no_place;
            facts.detail = "in shared-storage, but it is not there";
        } else {
            make_room(disk, pool.get(), facts);
        }
        return facts;
    }

  private:
    void compare(const DiskFacts& disk, virStorageVolPtr there, DiskReachFacts& facts) const {
        const VolumeHandle here(
            virStorageVolLookupByPath(source_.connection(), disk.source.c_str()));
        if (!here) {
            facts.detail =
                "a volume of that name is there; no storage pool of the source has this "
                "one, so they cannot be compared";
            return;
        }
        for (int i = 0; i < kTries; ++i) {
            const auto before = identity_of(here.get());
            const auto other = identity_of(there);
            const auto after = identity_of(here.get());
            if (!before || !other || !after) {
                facts.detail = "a volume of that name is there, but it cannot be read";
                return;
            }
            if (is_same_volume(*before, *other, *after)) {
                facts.reach = DiskReach::shared;
                facts.detail = "the same volume";
                return;
            }
            facts.detail =
                fmt::format("{}, last changed {} there and {} here",
                            other->capacity == after->capacity ? "same size" : "another size",
                            format_time_of(*other), format_time_of(*after));
        }
        facts.reach = DiskReach::occupied;
    }

    void make_room(const DiskFacts& disk, virStoragePoolPtr pool, DiskReachFacts& facts) {
        const std::string name = virStoragePoolGetName(pool);
        virStoragePoolInfo info{};
        virStoragePoolGetInfo(pool, &info);
        const auto free = Bytes{info.available} - claimed_[name];
        if (free < disk.allocation) {
            facts.reach = DiskReach::no_room;
            facts.detail =
                fmt::format("pool {} has {} free", vmigrate::quoted(name), format_bytes(free));
            return;
        }
        claimed_[name] += disk.allocation;
        facts.reach = DiskReach::missing;
        facts.detail =
            fmt::format("to pool {}, {} free", vmigrate::quoted(name), format_bytes(free));
        if (free < disk.capacity) {
            facts.detail += ": not enough should the guest fill it";
        }
    }

    static std::string format_time_of(const VolumeIdentity& volume) {
        return format_wall(WallTime(seconds(as_time(volume.modified).first)));
    }

    Session& destination_;
    Session& source_;
    std::map<std::string, Bytes> claimed_;  ///< of each pool, by the disks before
};

}  // namespace

std::vector<DiskReachFacts> reach_of_disks(Session& destination, Session& source,
                                           const GuestFacts& guest) {
    Judge judge(destination, source);
    std::vector<DiskReachFacts> facts;
    for (const auto& disk : guest.disks) {
        if (!disk.source.empty()) {
            facts.push_back(judge.judge(disk));
        }
    }
    return facts;
}

VolumeIdentity read_volume_xml(const std::string& xml) {
    pugi::xml_document document;
    document.load_buffer(xml.data(), xml.size());
    const auto volume = document.child("volume");
    const auto times = volume.child("target").child("timestamps");
    return {volume.attribute("type").value(), volume.child("key").text().get(),
            volume.child("capacity").text().as_ullong(), times.child("mtime").text().get(),
            times.child("ctime").text().get()};
}

bool is_same_volume(const VolumeIdentity& before, const VolumeIdentity& there,
                    const VolumeIdentity& after) {
    if (there.capacity != after.capacity) {
        return false;
    }
    if (there.type == "block") {
        // a device node's times are its host's own; the key is the device's, unless it is a path
        return there.key == after.key && !there.key.starts_with('/');
    }
    return !there.modified.empty() && between(before.modified, there.modified, after.modified) &&
           between(before.changed, there.changed, after.changed);
}

bool lies_under(const std::string& path, const std::vector<std::string>& folders) {
    return std::ranges::any_of(folders, [&path](std::string folder) {
        while (folder.ends_with('/')) {
            folder.pop_back();
        }
        return path.starts_with(folder) &&
               (path.size() == folder.size() || path[folder.size()] == '/');
    });
}

}  // namespace vmigrate::libvirt
