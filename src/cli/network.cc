// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/network.h"

#include <fmt/format.h>

#include "base/text.h"
#include "handover/bridge.h"
#include "handover/exec.h"
#include "handover/none.h"
#include "handover/ovs.h"
#include "libvirt/announcer.h"

namespace vmigrate::cli {
namespace {

Result<handover::OvsNic> card(const NicFacts& nic, const GuestRef& guest) {
    const auto mac = netflow::parse_mac(nic.mac);
    if (!mac) {
        return fail(mac.error());
    }
    if (nic.interface_id.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("the card {} of guest {} has no interface id: its port on the "
                                "switch cannot be found",
                                nic.mac, quoted(guest.name)));
    }
    return handover::OvsNic{*mac, nic.interface_id};
}

Result<handover::OvsTask> ovs_task(const NetworkConfig& network, const std::string& guest_uuid,
                                   const std::string& source, const std::string& destination) {
    handover::OvsTask task;
    task.guest_uuid = guest_uuid;
    task.times = network.times;
    task.relay_priority = network.relay_priority;
    task.refresh = network.refresh;
    for (const auto& one : network.switches) {
        if (one.name == source) {
            task.source = one;
        } else if (one.name == destination) {
            task.destination = one;
        } else {
            task.peers.push_back(one);
        }
    }
    if (task.source.name.empty() || task.destination.name.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("host {} has no switch in the configuration",
                                quoted(task.source.name.empty() ? source : destination)));
    }
    return task;
}

Result<std::vector<handover::OvsNic>> cards(const NetworkOf& move) {
    std::vector<handover::OvsNic> all;
    for (const auto& nic : move.guest.nics) {
        auto one = card(nic, move.guest.ref);
        if (!one) {
            return fail(one.error());
        }
        if (const auto vni = move.vnis.find(nic.mac); vni != move.vnis.end()) {
            one->vni = vni->second;
        }
        all.push_back(std::move(*one));
    }
    return all;
}

handover::ExecTask exec_task(const NetworkConfig& network, const NetworkOf& move) {
    const auto& program = network.program;
    handover::ExecTask task;
    task.program = program.path;
    task.limit = program.limit;
    task.redirect_held = program.redirect_held;
    task.settle = network.times.settle;
    task.guest_name = move.guest.ref.name;
    task.guest_uuid = move.guest.ref.uuid;
    task.source = move.source;
    task.destination = move.destination;
    for (const auto& nic : move.guest.nics) {
        task.cards.push_back({nic.mac, nic.type == "bridge" ? nic.source : "", nic.interface_id});
    }
    return task;
}

Result<std::unique_ptr<NetworkHandover>> bridge(const NetworkOf& move) {
    if (move.session == nullptr) {
        return fail(ErrorKind::config,
                    fmt::format("host {} has the network back end \"bridge\", which has no steps "
                                "of its own",
                                quoted(move.destination)));
    }
    std::vector<std::string> macs;
    for (const auto& nic : move.guest.nics) {
        macs.push_back(nic.mac);
    }
    return std::make_unique<handover::Bridge>(
        std::move(macs), libvirt::make_announcer(*move.session, move.guest.ref));
}

}  // namespace

Result<std::unique_ptr<NetworkHandover>> make_network(const Config& config, const Options& options,
                                                      const NetworkOf& move) {
    const auto& network = config.network;
    const auto& backend = backend_of(network, move.source);
    if (const auto& there = backend_of(network, move.destination); backend != there) {
        return fail(ErrorKind::config,
                    fmt::format("host {} has the network back end {}, host {} has {}: nothing "
                                "turns traffic from one to the other",
                                quoted(move.source), quoted(backend), quoted(move.destination),
                                quoted(there)));
    }
    if (backend == "none" || move.guest.state == GuestState::shut_off || move.guest.nics.empty()) {
        return std::make_unique<handover::None>();
    }
    if (backend == "bridge") {
        return bridge(move);
    }
    if (backend == "exec") {
        return std::make_unique<handover::Exec>(exec_task(network, move));
    }
    auto nics = cards(move);
    auto task = ovs_task(network, move.guest.ref.uuid, move.source, move.destination);
    if (!nics || !task) {
        return fail(!nics ? nics.error() : task.error());
    }
    task->nics = std::move(*nics);
    task->stock_cutover = network.stock_cutover;
    if (config.hook.tap_queue > 0) {
        task->tap_queue = config.hook.tap_queue;
    }
    task->program = exec_task(network, move);
    // as long as the guest may be held and then stand still; a second for what is rounded
    task->times.redirect =
        std::chrono::ceil<seconds>(options.switchover_hold + options.blackout_ceiling) + seconds(1);
    return std::make_unique<handover::Ovs>(std::move(*task), move.registry, move.drain_elsewhere);
}

Result<std::unique_ptr<NetworkHandover>> make_drain(const Config& config,
                                                    const history::Entry& entry,
                                                    const std::string& remains,
                                                    LocationRegistry& registry) {
    const auto left = handover::parse_remains(remains);
    auto task = ovs_task(config.network, entry.guest.uuid, entry.source, entry.destination);
    if (!left || !task) {
        return fail(!left ? left.error() : task.error());
    }
    return std::make_unique<handover::Ovs>(std::move(*task), *left, registry);
}

}  // namespace vmigrate::cli
