// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include "libvirt/disk_limits.h"

#include <doctest/doctest.h>

#include "libvirt/features.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

const Json kBlocks = Json::parse(R"([
  {"device": "", "qdev": "/machine/peripheral/virtio-disk0/virtio-backend",
   "inserted": {"file": "a", "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0,
                "iops_wr": 0}},
  {"device": "", "qdev": "scsi0-0-0-0",
   "inserted": {"bps": 1000, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 50,
                "bps_max": 2000, "bps_max_length": 3, "iops_size": 4096, "group": "slow"}},
  {"device": "", "qdev": "scsi0-0-0-1",
   "inserted": {"bps": 0, "bps_rd": 700, "bps_wr": 800, "iops": 0, "iops_rd": 0, "iops_wr": 0,
                "bps_wr_max": 900, "bps_wr_max_length": 1, "bps_rd_max": 750,
                "bps_rd_max_length": 1, "group": "slow"}},
  {"device": "", "qdev": "empty-drive"},
  {"device": "floppy0", "inserted": {"bps": 5}}])");
const Json kAll = disk_limits_in(kBlocks);
const Json kNone = kAll["/machine/peripheral/virtio-disk0/virtio-backend"];
const Json kTotal = kAll["scsi0-0-0-0"];
const Json kWrites = kAll["scsi0-0-0-1"];

}  // namespace

TEST_CASE("the limits of every disk, as they can be set again") {
    CHECK(kAll.size() == 3);
    CHECK(
        kNone ==
        Json{
            {"bps", 0}, {"bps_rd", 0}, {"bps_wr", 0}, {"iops", 0}, {"iops_rd", 0}, {"iops_wr", 0}});
    CHECK(kTotal == Json{{"bps", 1000},
                         {"bps_rd", 0},
                         {"bps_wr", 0},
                         {"iops", 0},
                         {"iops_rd", 0},
                         {"iops_wr", 50},
                         {"bps_max", 2000},
                         {"bps_max_length", 3},
                         {"iops_size", 4096},
                         {"group", "slow"}});
    CHECK(disk_limits_in(Json::array()).empty());
}

TEST_CASE("where there is no limit, writes get one and nothing else") {
    auto expected = kNone;
    expected["bps_wr"] = 500;
    CHECK(with_write_limit(kNone, {500}) == expected);
}

TEST_CASE("a limit of both directions stays what both may have") {
    const auto limits = with_write_limit(kTotal, {400});
    CHECK(limits["bps"] == 0);
    CHECK(limits["bps_wr"] == 400);
    CHECK(limits["bps_rd"] == 600);
    CHECK(!limits.contains("bps_max"));
    CHECK(!limits.contains("bps_max_length"));
    CHECK(limits["iops_wr"] == 50);
    CHECK(limits["iops_size"] == 4096);
    CHECK(limits["group"] == "slow");
    CHECK(with_write_limit(kTotal, {1000}) == kTotal);
    CHECK(with_write_limit(kTotal, {5000}) == kTotal);
}

TEST_CASE("a limit of writes is not loosened, and has no bursts while ours lasts") {
    auto expected = kWrites;
    expected.erase("bps_wr_max");
    expected.erase("bps_wr_max_length");
    CHECK(with_write_limit(kWrites, {1200}) == expected);
    expected["bps_wr"] = 100;
    CHECK(with_write_limit(kWrites, {100}) == expected);
}

TEST_CASE("disks that are limited together are known") {
    CHECK(shares_limits(kAll, "scsi0-0-0-0"));
    CHECK(!shares_limits(kAll, "/machine/peripheral/virtio-disk0/virtio-backend"));
    CHECK(!shares_limits(kAll, "nowhere"));
}

TEST_CASE("limits that were changed are put back as they were, of disks that are still there") {
    const auto with = [](Json limits) {
        auto settings = settings_in({});
        settings["disk_limits"] = std::move(limits);
        return settings;
    };
    CHECK(!settings_to_restore(with(kAll), with(kAll)).contains("disk_limits"));
    auto now = kAll;
    now["scsi0-0-0-1"] = with_write_limit(kWrites, {100});
    now.erase("scsi0-0-0-0");
    CHECK(settings_to_restore(with(kAll), with(now))["disk_limits"] ==
          Json{{"scsi0-0-0-1", kWrites}});
    CHECK(!settings_to_restore(settings_in({}), with(now)).contains("disk_limits"));
    CHECK(!settings_to_restore(with(kAll), settings_in({})).contains("disk_limits"));
}
