// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include "libvirt/copy_connections.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::libvirt;

TEST_CASE("only the connections to the copies of disks") {
    const auto instances = Json::parse(R"([
        {"type": "block-node", "node-name": "migration-vda-storage"},
        {"type": "migration"},
        {"type": "chardev", "id": "charserial0"},
        {"type": "block-node", "node-name": "libvirt-1-storage"},
        {"type": "block-node", "node-name": "migration-vdb-storage"},
        {"type": "block-node", "node-name": 7}, 8])");
    CHECK(copy_connections_in(instances) == Json::parse(R"([
        {"type": "block-node", "node-name": "migration-vda-storage"},
        {"type": "block-node", "node-name": "migration-vdb-storage"}])"));
    CHECK(copy_connections_in(Json::array()).empty());
    CHECK(copy_connections_in("nothing").empty());
}
