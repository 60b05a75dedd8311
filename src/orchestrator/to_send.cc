// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/to_send.h"

#include <algorithm>

#include "orchestrator/storage_plan.h"

namespace vmigrate {
namespace {

constexpr milliseconds kCopySetup{1500};
/// What one write makes libvirt's copy send again.
constexpr Bytes kMirrorBlock = kibibytes(64);

bool uses_lz4(const MigrationCall& call) {
    const auto capability = call.qemu.capabilities.find("lz4");
    const auto method = call.qemu.parameters.find("multifd-compression");
    return (capability != call.qemu.capabilities.end() && capability->second) ||
           (method != call.qemu.parameters.end() && method->second == "\"lz4\"");
}

/// What a disk that is copied means for the wire.
struct DiskLoad {
    Bytes once;                    ///< to copy all of it
    double again_bytes_per_s = 0;  ///< to copy again what the guest writes meanwhile
};

DiskLoad load_of(const VolumeMove& volume, const Plan& plan) {
    DiskLoad load{volume.capacity, 0};
    const auto& disks = plan.guest.disks;
    const auto disk = std::ranges::find(disks, volume.target, &DiskFacts::target);
    if (disk == disks.end()) {
        return load;
    }
    const bool by_libvirt = copied_by_libvirt(plan);
    // libvirt's copy takes the holes of a raw disk for data
    if (by_libvirt && disk->format != "raw" && disk->allocation.count > 0) {
        load.once = std::min(volume.capacity, disk->allocation);
    }
    const auto& recent = disk->recent;
    if (plan.memory.window.count() > 0 && recent.requests > 0) {
        // one write makes a whole block dirty
        const auto block = by_libvirt ? kMirrorBlock : plan.request.options.mig_block_size;
        const auto each = std::max(block.count, recent.bytes.count / recent.requests);
        load.again_bytes_per_s = 1000.0 * static_cast<double>(recent.requests * each) /
                                 static_cast<double>(plan.memory.window.count());
    }
    return load;
}

}  // namespace

bool copied_by_libvirt(const Plan& plan) {
    return !plan.call.volumes.empty() && plan.call.storage != StorageMode::copy_in_stream;
}

ToSend to_send(const Plan& plan) {
    ToSend sending;
    sending.writes = profile_of(plan.memory, plan.guest.memory);
    if (plan.guest.state != GuestState::running) {
        for (auto& part : sending.writes.parts) {
            part.writes_per_s = 0;
        }
    }
    sending.wire_share = uses_lz4(plan.call) ? plan.memory.compressed_share : 1.0;
    for (const auto& volume : plan.call.volumes) {
        const auto load = load_of(volume, plan);
        sending.disks += load.once;
        sending.disks_again_bytes_per_s += load.again_bytes_per_s;
    }
    if (copied_by_libvirt(plan)) {
        sending.disks_setup = kCopySetup;
    }
    return sending;
}

milliseconds disk_time(const ToSend& sending, BytesPerSecond bandwidth) {
    // What is written meanwhile is copied again, and what is written during that, and so on.
    const double again =
        std::min(0.9, sending.disks_again_bytes_per_s /
                          static_cast<double>(std::max<std::uint64_t>(1, bandwidth.count)));
    return time_to_send(sending.disks * (1.0 / (1.0 - again)), bandwidth) + sending.disks_setup;
}

}  // namespace vmigrate
