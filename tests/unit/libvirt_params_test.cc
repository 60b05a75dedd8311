// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include <vector>

#include "libvirt/params.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

HostAccess there() {
    HostAccess access;
    access.name = "b";
    access.uri = "qemu+tls://b/system";
    access.migration_host = "b-ram";
    return access;
}

std::vector<std::string> disks_in(const TypedParams& params) {
    std::vector<std::string> targets;
    for (int i = 0; i < params.size(); ++i) {
        const auto& param = params.data()[i];
        if (std::string_view(param.field) == VIR_MIGRATE_PARAM_MIGRATE_DISKS) {
            targets.emplace_back(param.value.s);
        }
    }
    return targets;
}

}  // namespace

TEST_CASE("a plain call is live, peer-to-peer, persists there and undefines here") {
    const MigrationCall call;
    CHECK(migration_flags(call) == (VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER |
                                    VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE));
    const auto params = migration_params(call, there());
    CHECK(params.size() == 1);
    CHECK(params.text(VIR_MIGRATE_PARAM_URI) == "tcp://b-ram");
}

TEST_CASE("each wish becomes its flag") {
    MigrationCall call;
    call.peer_to_peer = false;
    call.persist_destination = false;
    call.undefine_source = false;
    call.live = false;
    CHECK(migration_flags(call) == 0);
    const auto flag_of = [&call](auto&& wish) {
        auto changed = call;
        wish(changed);
        return migration_flags(changed);
    };
    CHECK(flag_of([](auto& c) { c.live = true; }) == VIR_MIGRATE_LIVE);
    CHECK(flag_of([](auto& c) { c.paused = true; }) == VIR_MIGRATE_PAUSED);
    CHECK(flag_of([](auto& c) { c.unsafe = true; }) == VIR_MIGRATE_UNSAFE);
    CHECK(flag_of([](auto& c) { c.abort_on_error = true; }) == VIR_MIGRATE_ABORT_ON_ERROR);
    CHECK(flag_of([](auto& c) { c.tls = true; }) == VIR_MIGRATE_TLS);
    CHECK(flag_of([](auto& c) { c.transport = Transport::tunnelled; }) == VIR_MIGRATE_TUNNELLED);
    CHECK(flag_of([](auto& c) { c.postcopy = true; }) == VIR_MIGRATE_POSTCOPY);
    CHECK(flag_of([](auto& c) { c.auto_converge = true; }) == VIR_MIGRATE_AUTO_CONVERGE);
    CHECK(flag_of([](auto& c) { c.parallel_connections = 2; }) == VIR_MIGRATE_PARALLEL);
    CHECK(flag_of([](auto& c) { c.compression = Compression::xbzrle; }) == VIR_MIGRATE_COMPRESSED);
    CHECK(flag_of([](auto& c) { c.offline = true; }) == VIR_MIGRATE_OFFLINE);
}

TEST_CASE("only the disks that move are copied") {
    MigrationCall call;
    call.storage = StorageMode::copy;
    CHECK((migration_flags(call) & VIR_MIGRATE_NON_SHARED_DISK) == 0);
    call.volumes = {{"vda", "/a/x", "/b/x", "raw", mebibytes(1)},
                    {"vdc", "/a/y", "/b/y", "raw", mebibytes(1)}};
    CHECK((migration_flags(call) & VIR_MIGRATE_NON_SHARED_DISK) != 0);
    CHECK(disks_in(migration_params(call, there())) == std::vector<std::string>{"vda", "vdc"});
    call.storage = StorageMode::copy_incremental;
    CHECK((migration_flags(call) & VIR_MIGRATE_NON_SHARED_DISK) == 0);
    CHECK((migration_flags(call) & VIR_MIGRATE_NON_SHARED_INC) != 0);
}

TEST_CASE("the stream's address is the user's, else the host's, and none in a tunnel") {
    MigrationCall call;
    call.transport = Transport::tunnelled;
    CHECK(!migration_params(call, there()).text(VIR_MIGRATE_PARAM_URI));
    call.migrate_uri = "tcp://10.1.2.3:5000";
    CHECK(migration_params(call, there()).text(VIR_MIGRATE_PARAM_URI) == "tcp://10.1.2.3:5000");
    auto access = there();
    access.migration_host.clear();
    CHECK(migration_params(MigrationCall(), access).size() == 0);
    CHECK(stream_uri("fe80::1") == "tcp://[fe80::1]");
    CHECK(stream_uri("[fe80::1]") == "tcp://[fe80::1]");
    CHECK(stream_uri("10.0.0.1") == "tcp://10.0.0.1");
}

TEST_CASE("bandwidth is never rounded down to no limit") {
    CHECK(bandwidth_mib({0}) == 0);
    CHECK(bandwidth_mib({1}) == 1);
    CHECK(bandwidth_mib({mebibytes(1).count + 1}) == 1);
    CHECK(bandwidth_mib({mebibytes(1).count * 3 / 2}) == 2);
    CHECK(bandwidth_mib({mebibytes(112).count}) == 112);
    MigrationCall call;
    call.bandwidth = {mebibytes(30).count};
    CHECK(migration_params(call, there()).number(VIR_MIGRATE_PARAM_BANDWIDTH) == 30);
}

TEST_CASE("the knobs of the stream go only with what they shape") {
    MigrationCall call;
    call.auto_converge = true;
    call.auto_converge_initial = 30;
    call.parallel_connections = 4;
    call.compression = Compression::multithread;
    const auto params = migration_params(call, there());
    CHECK(params.number(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL) == 30);
    CHECK(params.number(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT) == 10);
    CHECK(params.number(VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS) == 4);
    CHECK(params.text(VIR_MIGRATE_PARAM_COMPRESSION) == "mt");
}

TEST_CASE("an offline move carries the description and nothing of a stream") {
    MigrationCall call;
    call.offline = true;
    call.tls = true;
    call.auto_converge = true;
    call.bandwidth = {mebibytes(30).count};
    call.destination_name = "new";
    CHECK(migration_flags(call) == (VIR_MIGRATE_OFFLINE | VIR_MIGRATE_PEER2PEER |
                                    VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE));
    const auto params = migration_params(call, there());
    CHECK(params.size() == 1);
    CHECK(params.text(VIR_MIGRATE_PARAM_DEST_NAME) == "new");
}
