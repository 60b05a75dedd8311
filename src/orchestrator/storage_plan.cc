// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/storage_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmigrate {
namespace {

using Kind = Check::Verdict;

/// Both ends of a disk come here through libvirt's connections.
constexpr BytesPerSecond kComparedPerSecond{mebibytes(100).count};

const DiskReachFacts* reach_of(const DestinationFacts& destination, const std::string& target) {
    const auto found = std::ranges::find(destination.disks, target, &DiskReachFacts::target);
    return found == destination.disks.end() ? nullptr : &*found;
}

bool named(const Request& request, const std::string& target) {
    return std::ranges::find(request.migrate_disks, target) != request.migrate_disks.end();
}

/// What one disk needs: to be copied or not, and whether that can work.
struct DiskDecision {
    Check check;
    bool copy = false;
    bool make = true;
};

class DiskJudge {
  public:
    DiskJudge(const Request& request, const GuestFacts& guest, const DestinationFacts& destination)
        : request_(request), guest_(guest), destination_(destination) {}

    DiskDecision judge(const DiskFacts& disk) const {
        const auto name = "disk " + disk.target;
        if (disk.source.empty()) {
            return {{name, Kind::not_applicable, "empty drive", {}}, false, false};
        }
        const auto* reach = reach_of(destination_, disk.target);
        const auto state = reach == nullptr ? DiskReach::undecided : reach->reach;
        const auto detail = reach == nullptr || reach->detail.empty()
                                ? disk.source
                                : fmt::format("{} ({})", disk.source, reach->detail);
        if (!request_.migrate_disks.empty() && !named(request_, disk.target)) {
            return keep(name, disk, state, detail);
        }
        const auto mode = request_.options.storage;
        const bool copy_asked = mode == StorageMode::copy ||
                                mode == StorageMode::copy_incremental ||
                                mode == StorageMode::copy_in_stream;
        if (disk.removable || disk.read_only || (!copy_asked && state != DiskReach::missing)) {
            return keep(name, disk, state, detail);
        }
        if (mode == StorageMode::shared || (copy_asked && state == DiskReach::shared)) {
            return keep(name, disk, state, detail);
        }
        return copy(name, disk, state, detail);
    }

  private:
    /// The destination has to reach it as it is.
    DiskDecision keep(const std::string& name, const DiskFacts& disk, DiskReach state,
                      const std::string& detail) const {
        const auto& where = destination_.host.name;
        switch (state) {
            case DiskReach::shared:
                return {{name, Kind::passed, fmt::format("shared: {}", detail), {}}, false, false};
            case DiskReach::undecided:
                return {{name, Kind::undecided,
                         fmt::format("cannot tell whether {} reaches {}", where, detail),
                         "name its folder in 'shared-storage' of the hosts in vmigrate.toml, or "
                         "define a storage pool over it on both hosts"},
                        false,
                        false};
            case DiskReach::missing:
            case DiskReach::no_place:
            case DiskReach::no_room:
            case DiskReach::occupied:
                break;
        }
        return {{name, Kind::failed, fmt::format("{} does not reach {}", where, detail),
                 disk.removable   ? "eject it first (virsh change-media --eject)"
                 : disk.read_only ? "make the file available there under the same path"
                                  : "put it on shared storage, or copy it with --copy-storage-all"},
                false,
                false};
    }

    DiskDecision copy(const std::string& name, const DiskFacts& disk, DiskReach state,
                      const std::string& detail) const {
        const auto& where = destination_.host.name;
        const auto refuse = [&](std::string finding, std::string fix) {
            return DiskDecision{
                {name, Kind::failed, std::move(finding), std::move(fix)}, false, false};
        };
        if (request_.options.transport == Transport::tunnelled &&
            request_.options.storage != StorageMode::copy_in_stream) {
            return refuse(
                fmt::format("{} must be copied, which a tunnelled migration cannot do", detail),
                "use the native transport (with --tls for an encrypted stream)");
        }
        if (guest_.state == GuestState::shut_off) {
            return refuse(
                fmt::format("{} must be copied, which an offline move does not do", detail),
                "copy the volume by hand first, or start the guest");
        }
        if (disk.shareable) {
            return refuse(fmt::format("{} is shareable: other guests may use it", detail),
                          "put it on shared storage");
        }
        const auto size = format_bytes(disk.capacity);
        switch (state) {
            case DiskReach::missing:
                return {{name,
                         Kind::passed,
                         fmt::format("will be copied: {}, {} ({} in use)", detail, size,
                                     format_bytes(disk.allocation)),
                         {}},
                        true,
                        true};
            case DiskReach::occupied:
                return request_.unsafe
                           ? DiskDecision{{name,
                                           Kind::passed,
                                           fmt::format("will be copied over what is there: {}",
                                                       detail),
                                           {}},
                                          true,
                                          false}
                           : refuse(fmt::format("another volume is in its place on {}: {}", where,
                                                detail),
                                    "remove it there, or add --unsafe to write over it");
            case DiskReach::no_room:
                return refuse(fmt::format("no room on {} for {}, {}", where, detail, size),
                              "free space in that pool, or choose another destination");
            case DiskReach::no_place:
                return refuse(fmt::format("no storage pool on {} covers {}", where, detail),
                              "define a pool over that folder there (virsh pool-define-as), or map "
                              "the path with 'path-map' in vmigrate.toml");
            case DiskReach::shared:
            case DiskReach::undecided:
                break;
        }
        return refuse(fmt::format("cannot tell where {} would go on {}", detail, where),
                      "define a storage pool over its folder on both hosts");
    }

    const Request& request_;
    const GuestFacts& guest_;
    const DestinationFacts& destination_;
};

}  // namespace

milliseconds comparison_time(const std::vector<VolumeMove>& volumes, const GuestFacts& guest) {
    Bytes held;
    for (const auto& volume : volumes) {
        const auto disk = std::ranges::find(guest.disks, volume.target, &DiskFacts::target);
        const auto allocated = disk == guest.disks.end() ? Bytes{} : disk->allocation;
        held += allocated.count > 0 ? std::min(volume.capacity, allocated) : volume.capacity;
    }
    return time_to_send(held, kComparedPerSecond);
}

StoragePlan plan_storage(const Request& request, const GuestFacts& guest,
                         const DestinationFacts& destination) {
    StoragePlan plan;
    const DiskJudge judge(request, guest, destination);
    for (const auto& disk : guest.disks) {
        auto decision = judge.judge(disk);
        const auto* known = reach_of(destination, disk.target);
        if (!disk.source.empty() && !decision.copy &&
            (known == nullptr || known->reach != DiskReach::shared)) {
            plan.surely_shared = false;
        }
        plan.checks.push_back(std::move(decision.check));
        if (decision.copy) {
            const auto* reach = reach_of(destination, disk.target);
            plan.volumes.push_back({disk.target, disk.source,
                                    reach == nullptr ? disk.source : reach->path, disk.format,
                                    disk.capacity, decision.make});
        }
    }
    for (const auto& target : request.migrate_disks) {
        if (std::ranges::find(guest.disks, target, &DiskFacts::target) == guest.disks.end()) {
            plan.checks.push_back({"disk " + target, Kind::failed, "the guest has no such disk",
                                   "name a target that 'virsh domblklist' shows"});
        }
    }
    if (!plan.volumes.empty()) {
        const auto asked = request.options.storage;
        plan.mode = asked == StorageMode::copy_incremental || asked == StorageMode::copy_in_stream
                        ? asked
                        : StorageMode::copy;
    }
    return plan;
}

}  // namespace vmigrate
