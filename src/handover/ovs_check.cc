// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: what is looked at before anything is changed.
#include <fmt/format.h>

#include <algorithm>

#include "handover/ovs.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

Result<void> check_tunnel(OvsBridge& bridge) {
    const auto& host = bridge.host();
    const auto ports = bridge.ports();
    if (!ports) {
        return fail(ports.error());
    }
    if (std::ranges::find(*ports, host.tunnel_port, &PortDescription::port) == ports->end()) {
        return fail(ErrorKind::config,
                    fmt::format("switch of {}: bridge {} has no port {} for tunnels; set "
                                "tunnel-port of {}",
                                host.name, host.bridge, format(host.tunnel_port), host.name));
    }
    return {};
}

/// Those that bring something to the guest, or that catch what is for it.
Result<FlowList> incoming(OvsBridge& bridge, const Move& move) {
    FlowList flows;
    for (const auto& nic : move.nics) {
        FlowFilter brings;
        brings.out_port = nic.at_source;
        for (const auto& filter : {sent_to(nic.mac), brings}) {
            auto found = bridge.flows(filter);
            if (!found) {
                return found;
            }
            std::ranges::move(*found, std::back_inserter(flows));
        }
    }
    return flows;
}

}  // namespace

Result<void> Ovs::check() {
    if (auto found = await_ports(source_, &GuestNic::at_source, milliseconds(0)); !found) {
        return found;
    }
    for (auto* bridge : {&source_, &destination_}) {
        if (auto there = check_tunnel(*bridge); !there) {
            return there;
        }
    }
    const auto flows = incoming(source_, move_);
    if (!flows) {
        return fail(flows.error());
    }
    if (const auto above = not_below_relays(*flows, move_)) {
        return fail(ErrorKind::config,
                    fmt::format("switch of {}: the guest's flow table={}, priority={},{} would not "
                                "be below relays, whose priority is {}; {}",
                                task_.source.name, static_cast<unsigned>(above->table),
                                above->priority, format(above->match), move_.relay_priority,
                                above->priority < highest_relay_priority
                                    ? fmt::format("set relay-priority in [network] to {} or more",
                                                  above->priority + 1)
                                    : "lower it"));
    }
    return {};
}

}  // namespace vmigrate::handover
