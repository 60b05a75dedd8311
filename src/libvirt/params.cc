// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/params.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmigrate::libvirt {

namespace {

bool copied_by_libvirt(const MigrationCall& call) {
    return !call.volumes.empty() && call.storage != StorageMode::copy_in_stream;
}

}  // namespace

unsigned migration_flags(const MigrationCall& call) {
    unsigned flags = 0;
    const auto set = [&flags](bool condition, virDomainMigrateFlags flag) {
        flags |= condition ? static_cast<unsigned>(flag) : 0U;
    };
    set(call.live && !call.offline, VIR_MIGRATE_LIVE);
    set(call.offline, VIR_MIGRATE_OFFLINE);
    set(call.paused, VIR_MIGRATE_PAUSED);
    set(call.peer_to_peer, VIR_MIGRATE_PEER2PEER);
    set(call.persist_destination, VIR_MIGRATE_PERSIST_DEST);
    set(call.undefine_source, VIR_MIGRATE_UNDEFINE_SOURCE);
    set(call.unsafe, VIR_MIGRATE_UNSAFE);
    set(call.abort_on_error, VIR_MIGRATE_ABORT_ON_ERROR);
    if (call.offline) {
        return flags;  // there is no stream that the others could shape
    }
    set(call.transport == Transport::tunnelled, VIR_MIGRATE_TUNNELLED);
    set(call.tls, VIR_MIGRATE_TLS);
    set(call.postcopy, VIR_MIGRATE_POSTCOPY);
    set(call.resume_postcopy, VIR_MIGRATE_POSTCOPY_RESUME);
    set(call.auto_converge, VIR_MIGRATE_AUTO_CONVERGE);
    set(call.compression != Compression::off, VIR_MIGRATE_COMPRESSED);
    set(call.parallel_connections > 0, VIR_MIGRATE_PARALLEL);
    if (copied_by_libvirt(call)) {
        set(true, call.storage == StorageMode::copy_incremental ? VIR_MIGRATE_NON_SHARED_INC
                                                                : VIR_MIGRATE_NON_SHARED_DISK);
    }
    return flags;
}

TypedParams migration_params(const MigrationCall& call, const HostAccess& destination) {
    TypedParams params;
    const auto add = [&params](const char* name, const std::optional<std::string>& value) {
        if (value) {
            params.add(name, *value);
        }
    };
    add(VIR_MIGRATE_PARAM_DEST_NAME, call.destination_name);
    add(VIR_MIGRATE_PARAM_DEST_XML, call.destination_xml);
    add(VIR_MIGRATE_PARAM_PERSIST_XML, call.persistent_xml);
    if (call.offline) {
        return params;
    }
    if (call.migrate_uri) {
        params.add(VIR_MIGRATE_PARAM_URI, *call.migrate_uri);
    } else if (call.transport == Transport::native && !destination.migration_host.empty()) {
        params.add(VIR_MIGRATE_PARAM_URI, stream_uri(destination.migration_host));
    }
    add(VIR_MIGRATE_PARAM_LISTEN_ADDRESS, call.listen_address);
    add(VIR_MIGRATE_PARAM_GRAPHICS_URI, call.graphics_uri);
    if (call.bandwidth.count > 0) {
        params.add(VIR_MIGRATE_PARAM_BANDWIDTH, bandwidth_mib(call.bandwidth));
        if (call.postcopy) {
            params.add(VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, bandwidth_mib(call.bandwidth));
        }
    }
    if (call.auto_converge) {
        params.add(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL,
                   static_cast<int>(call.auto_converge_initial));
        params.add(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT,
                   static_cast<int>(call.auto_converge_increment));
    }
    if (call.compression != Compression::off) {
        params.add(VIR_MIGRATE_PARAM_COMPRESSION,
                   std::string(call.compression == Compression::xbzrle ? "xbzrle" : "mt"));
    }
    if (call.parallel_connections > 0) {
        params.add(VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS,
                   static_cast<int>(call.parallel_connections));
    }
    for (const auto& volume : call.volumes) {
        if (copied_by_libvirt(call)) {
            params.add(VIR_MIGRATE_PARAM_MIGRATE_DISKS, volume.target);
        }
    }
    return params;
}

unsigned long long bandwidth_mib(BytesPerSecond limit) {
    const auto mib = mebibytes(1).count;
    return limit.count == 0 ? 0 : std::max<std::uint64_t>(1, (limit.count + mib / 2) / mib);
}

std::string stream_uri(const std::string& host) {
    const bool is_ipv6 = host.find(':') != std::string::npos && !host.starts_with('[');
    return is_ipv6 ? fmt::format("tcp://[{}]", host) : fmt::format("tcp://{}", host);
}

}  // namespace vmigrate::libvirt
