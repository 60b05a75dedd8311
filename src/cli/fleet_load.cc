// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_load.h"

#include "orchestrator/to_send.h"

namespace vmigrate::cli {
namespace {

std::uint64_t whole(double bytes) {
    return static_cast<std::uint64_t>(bytes);
}

}  // namespace

fleet::Load load_of(const Plan& plan, milliseconds fixed) {
    const auto sending = to_send(plan);
    const auto& writes = sending.writes;
    fleet::Load load;
    load.to_send = {whole(writes.bytes() * sending.wire_share)};
    double dirty_rate = 0;
    for (const auto& part : writes.parts) {
        dirty_rate += part.bytes * part.writes_per_s;
    }
    load.dirty_rate = {whole(dirty_rate * sending.wire_share)};
    if (writes.split) {
        load.hot = {whole(writes.parts.front().bytes * sending.wire_share)};
        load.hot_writes = writes.first_share_of_writes();
    }
    load.disks = sending.disks;
    load.fixed = fixed + sending.disks_setup;
    return load;
}

}  // namespace vmigrate::cli
