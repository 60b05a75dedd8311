// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include "libvirt/stream_disks.h"

#include <doctest/doctest.h>

#include "libvirt/params.h"
#include "libvirt/progress.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

constexpr const char* kXml = R"(<domain><devices>
  <disk><target dev='vda'/><alias name='virtio-disk0'/></disk>
  <disk><target dev='vdb'/><alias name='virtio-disk01'/></disk>
  <disk><target dev='sda'/><alias name='scsi0-0-0-0'/></disk>
  <disk><target dev='hda'/></disk>
</devices></domain>)";

const Json kBlocks = Json::parse(R"([
  {"device": "", "qdev": "/machine/peripheral/virtio-disk01/virtio-backend"},
  {"device": "", "qdev": "/machine/peripheral/virtio-disk0/virtio-backend"},
  {"device": "", "qdev": "scsi0-0-0-0"},
  {"device": "floppy0"}])");

std::vector<VolumeMove> disks(std::initializer_list<const char*> targets) {
    std::vector<VolumeMove> volumes;
    for (const auto* target : targets) {
        volumes.push_back({.target = target});
    }
    return volumes;
}

}  // namespace

TEST_CASE("each disk gets QEMU's name, whole") {
    const auto devices = stream_devices(kXml, kBlocks, disks({"vda", "sda", "vdb"}));
    REQUIRE(devices);
    CHECK(*devices == Json{"/machine/peripheral/virtio-disk0/virtio-backend", "scsi0-0-0-0",
                           "/machine/peripheral/virtio-disk01/virtio-backend"});
}

TEST_CASE("a name that only begins alike is another disk's, in whatever order QEMU lists them") {
    Json reversed = Json::array();
    for (auto block = kBlocks.rbegin(); block != kBlocks.rend(); ++block) {
        reversed.push_back(*block);
    }
    const auto targets = disks({"vda", "sda", "vdb"});
    CHECK(stream_devices(kXml, reversed, targets).value() ==
          stream_devices(kXml, kBlocks, targets).value());
}

TEST_CASE("a disk without a name is an error: nothing else may be copied in its place") {
    for (const auto* target : {"hda", "vdz"}) {
        const auto devices = stream_devices(kXml, kBlocks, disks({target}));
        REQUIRE(!devices);
        CHECK(devices.error().message.find(target) != std::string::npos);
    }
    CHECK(!stream_devices("no xml", Json(), disks({"vda"})));
}

TEST_CASE("how far the copies are, and what the guest has written") {
    const auto copied = copied_disks(kXml, kBlocks, disks({"vda", "sda"}));
    REQUIRE(copied);
    CHECK(copied->at(0).job == "drive-virtio-disk0");
    const Json stats = Json::parse(R"([
      {"qdev": "/machine/peripheral/virtio-disk01/virtio-backend", "stats": {"wr_bytes": 1}},
      {"qdev": "/machine/peripheral/virtio-disk0/virtio-backend", "stats": {"wr_bytes": 4096}},
      {"qdev": "scsi0-0-0-0", "stats": {"wr_bytes": 512}}, {"node-name": "target"}])");
    const Json jobs = Json::parse(R"([
      {"device": "drive-virtio-disk01", "type": "mirror", "offset": 1, "len": 2, "ready": true},
      {"device": "drive-virtio-disk0", "type": "mirror", "offset": 100, "len": 350,
       "ready": false}])");
    const auto copies = disk_copies_in(*copied, stats, jobs);
    REQUIRE(copies.size() == 2);
    CHECK(copies[0].target == "vda");
    CHECK(copies[0].written == Bytes{4096});
    REQUIRE(copies[0].mirror);
    CHECK(copies[0].mirror->copied == Bytes{100});
    CHECK(copies[0].mirror->remaining == Bytes{250});
    CHECK(!copies[0].mirror->ready);
    CHECK(copies[1].written == Bytes{512});
    CHECK(!copies[1].mirror);
    CHECK(disk_copies_in(*copied, Json::array(), jobs).empty());
}

TEST_CASE("libvirt copies nothing itself then") {
    MigrationCall call;
    call.volumes = disks({"vda"});
    call.storage = StorageMode::copy_in_stream;
    CHECK((migration_flags(call) & (VIR_MIGRATE_NON_SHARED_DISK | VIR_MIGRATE_NON_SHARED_INC)) ==
          0);
    CHECK(!migration_params(call, {}).text(VIR_MIGRATE_PARAM_MIGRATE_DISKS));
}
