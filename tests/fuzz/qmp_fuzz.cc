// SPDX-License-Identifier: GPL-2.0-or-later
//
// What QEMU answers and tells, and what the history has kept of it: JSON of any shape where another
// shape is expected. The first line chooses: the name of an event, or nothing for an answer. Two
// answers that are looked at together are two lines.
#include <sstream>

#include "libvirt/copy_connections.h"
#include "libvirt/disk_limits.h"
#include "libvirt/events.h"
#include "libvirt/features.h"
#include "libvirt/progress.h"
#include "libvirt/stream_disks.h"
#include "must.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

const char* const description = R"(<domain><devices><disk type='file' device='disk'>
    <source file='/a'/><target dev='vda' bus='virtio'/><alias name='virtio-disk0'/></disk></devices></domain>)";

void take_event(const std::string& name, const std::string& details) {
    EventQueue events;
    Translator translator("2f5b2b2e-0f5c-4d6c-9d9c-8e5f3a1b7c00", events);
    for (const auto side : {Side::source, Side::destination}) {
        translator.qemu_event(side, name, WallTime(), details);
    }
    translator.close();
}

void take_answers(const Json& first, const Json& second) {
    static_cast<void>(stream_disks_in(first));
    static_cast<void>(delayed_memory_in(first));
    static_cast<void>(copy_connections_in(first));
    static_cast<void>(
        disk_copies_in({{"vda", "virtio-disk0", "drive-virtio-disk0"}}, first, second));
    const std::vector<VolumeMove> volumes(1);
    static_cast<void>(copied_disks(description, first, volumes));
    static_cast<void>(stream_devices(description, first, volumes));
    const auto limits = disk_limits_in(first);
    test::must(limits.is_object(), "limits are of disks", line(limits));
    for (const auto& [device, own] : limits.items()) {
        static_cast<void>(shares_limits(limits, device));
        static_cast<void>(with_write_limit(own, BytesPerSecond{1 << 20}));
    }
    static_cast<void>(settings_to_restore(first, second));
    static_cast<void>(resumable_from_json(first));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::istringstream text(std::string(reinterpret_cast<const char*>(data), size));
    std::string name;
    std::string first;
    std::string second;
    std::getline(text, name);
    std::getline(text, first);
    std::getline(text, second);
    if (!name.empty()) {
        take_event(name, first);
        return 0;
    }
    static_cast<void>(volume_from_json(first));
    const auto one = Json::parse(first, nullptr, false);
    const auto other = Json::parse(second, nullptr, false);
    if (!one.is_discarded()) {
        take_answers(one, other.is_discarded() ? Json() : other);
    }
    return 0;
}
