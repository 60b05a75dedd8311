// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "orchestrator/choices.h"
#include "orchestrator/qemu_choice.h"
#include "orchestrator/storage_plan.h"

namespace vmigrate {
namespace {

const Check* first_failed(const std::vector<Check>& checks) {
    const auto found = std::ranges::find(checks, Check::Verdict::failed, &Check::verdict);
    return found == checks.end() ? nullptr : &*found;
}

MigrationCall call_for(const Request& request, const GuestFacts& guest, const StoragePlan& storage,
                       const BandwidthChoice& bandwidth) {
    const auto& options = request.options;
    MigrationCall call;
    call.transport = options.transport;
    call.peer_to_peer = options.peer_to_peer;
    call.tls = options.tls;
    call.offline = request.offline;
    call.live = !request.offline;
    call.verify_disks = options.verify_disks && !storage.volumes.empty();
    call.paused = request.suspend || call.verify_disks;
    call.persist_destination = guest.persistent && options.persist_destination;
    call.undefine_source = guest.persistent && options.undefine_source;
    call.remove_source_disks =
        call.undefine_source && options.remove_source_disks && !storage.volumes.empty();
    // libvirt knows shared storage by the type of its file system alone and refuses the rest as
    // unsafe; what the configuration or the storage itself says is better known.
    call.unsafe = request.unsafe || storage.surely_shared;
    call.abort_on_error = request.abort_on_error;
    call.postcopy = options.postcopy && !request.offline;
    if (options.compression != Compression::lz4) {  // which is no word of libvirt's
        call.compression = options.compression;
    }
    call.parallel_connections = options.parallel_connections;
    call.storage = storage.mode;
    call.volumes = storage.volumes;
    call.bandwidth = bandwidth.limit;
    call.downtime_limit =
        std::min(options.downtime_limit, options.blackout_ceiling - options.switchover_reserve);
    call.emulator = request.emulator;
    call.destination_xml = request.destination_xml;
    call.persistent_xml = request.persistent_xml;
    call.destination_name = request.destination_name;
    call.migrate_uri = request.migrate_uri;
    call.listen_address = request.listen_address;
    call.graphics_uri = request.graphics_uri;
    return call;
}

std::string persistence_note(const Plan& plan) {
    const auto& where = plan.destination.host.name;
    if (!plan.guest.persistent) {
        return "the guest is transient and stays so";
    }
    return fmt::format(
        "{} on {}, {} {}",
        plan.call.persist_destination ? "will be persistent" : "will be transient", where,
        plan.call.undefine_source ? "its definition is removed from" : "stays defined on",
        plan.source.name);
}

std::string storage_note(const Plan& plan) {
    if (plan.call.volumes.empty()) {
        return "no disk is copied";
    }
    return plan.call.remove_source_disks
               ? fmt::format("{} disk(s) are copied; the source's are removed from {} afterwards",
                             plan.call.volumes.size(), plan.source.name)
               : fmt::format("{} disk(s) are copied; the source's stay on {}, stale",
                             plan.call.volumes.size(), plan.source.name);
}

/// Like the throttle, a promise about the guest's speed.
void choose_qos(Plan& plan) {
    const auto& options = plan.request.options;
    const auto& volumes = plan.call.volumes;
    if (options.io_qos == IoQos::off || plan.call.offline || volumes.empty() ||
        plan.guest.state != GuestState::running) {
        return;
    }
    plan.call.limit_writes = true;
    std::vector<std::string> targets;
    for (const auto& volume : volumes) {
        targets.push_back(volume.target);
    }
    plan.notes.push_back(
        fmt::format("if the copy does not converge, what the guest writes to {} is limited, to no "
                    "less than {}",
                    fmt::join(targets, ", "), format_rate(options.io_qos_floor)));
}

std::string transport_note(const MigrationCall& call) {
    if (call.transport == Transport::tunnelled) {
        return "tunnelled: one port and libvirt's encryption, more copies and less bandwidth";
    }
    return call.peer_to_peer
               ? "native, peer-to-peer: QEMU to QEMU, few copies; the migration outlives vmigrate"
               : "native, managed: QEMU to QEMU, few copies; cancelled if vmigrate dies";
}

/// The throttle is vmigrate's own affair unless QEMU is to do it by itself.
ThrottleMeans throttle_means(const Options& options, const GuestFacts& guest) {
    if (options.auto_converge != AutoSwitch::automatic || guest.state != GuestState::running) {
        return ThrottleMeans::none;
    }
    return guest.qemu && guest.qemu->parameters.contains("cpu-throttle-value")
               ? ThrottleMeans::value
               : ThrottleMeans::auto_converge;
}

/// Throttling is a promise about the guest's speed: decided here, and said.
void choose_throttle(Plan& plan) {
    const auto& options = plan.request.options;
    if (plan.call.offline || options.auto_converge == AutoSwitch::off) {
        return;
    }
    plan.call.throttle = throttle_means(options, plan.guest);
    if (options.auto_converge == AutoSwitch::on) {
        plan.call.auto_converge = true;
        plan.notes.emplace_back(
            "auto-converge is on: QEMU throttles the guest if it does not converge");
    } else if (plan.call.throttle == ThrottleMeans::auto_converge) {
        // it cannot be turned on later
        plan.call.auto_converge = true;
        plan.call.auto_converge_initial = 1;
        plan.call.auto_converge_increment = 1;
    }
}

/// What will be done to a guest that does not converge by itself.
void note_means(Plan& plan) {
    auto& prediction = plan.prediction;
    if (prediction.unaided) {
        return;
    }
    if (plan.call.throttle != ThrottleMeans::none) {
        plan.notes.push_back(
            fmt::format("it will not converge at full speed: the guest will be throttled, by {}",
                        plan.call.throttle == ThrottleMeans::value
                            ? "cpu-throttle-value"
                            : "auto-converge, which takes effect at QEMU's next iteration"));
    }
    // Throttled or moved by post-copy it converges; only a plain pre-copy does not.
    if (plan.call.auto_converge || plan.call.throttle != ThrottleMeans::none) {
        prediction.converges = true;
    } else if (plan.call.postcopy || plan.request.options.timeout_action == TimeoutAction::force ||
               plan.request.options.ceiling_action == CeilingAction::exceed) {
        prediction.converges = true;
        plan.notes.emplace_back(plan.call.postcopy
                                    ? "it will not converge by pre-copy; post-copy is allowed"
                                    : "it will not converge; it will be forced over, "
                                      "whatever the blackout");
    }
}

/// REQUIRES: one of them is known.
BytesPerSecond slower_link(const HostFacts& source, const HostFacts& destination) {
    return source.link && destination.link
               ? std::min(*source.link, *destination.link)
               : source.link.value_or(destination.link.value_or(BytesPerSecond{}));
}

}  // namespace

BandwidthChoice choose_bandwidth(const Options& options, const HostFacts& source,
                                 const HostFacts& destination, const PairHistory& history) {
    BandwidthChoice choice;
    const auto known = [&](BytesPerSecond limit) {
        return history.bandwidth && (limit.count == 0 || *history.bandwidth < limit)
                   ? *history.bandwidth
                   : limit;
    };
    if (options.bandwidth.count > 0) {
        choice.limit = options.bandwidth;
        choice.reason = fmt::format("bandwidth {} as asked", format_rate(choice.limit));
    } else if (source.link || destination.link) {
        const auto link = slower_link(source, destination);
        choice.limit = link * (options.bandwidth_share_percent / 100.0);
        choice.reason =
            fmt::format("bandwidth {}: {} % of the link's {}", format_rate(choice.limit),
                        options.bandwidth_share_percent, format_rate(link));
    } else {
        choice.reason = "bandwidth unlimited: the link's speed is not known";
    }
    choice.expected = known(choice.limit);
    if (history.bandwidth || source.link || destination.link) {
        choice.full = history.bandwidth ? *history.bandwidth : slower_link(source, destination);
    }
    if (history.bandwidth) {
        choice.reason += fmt::format("; {} earlier migration(s) between these hosts reached {}",
                                     history.migrations, format_rate(*history.bandwidth));
    }
    return choice;
}

Result<Choice> choose_destination(const Request& request, const GuestFacts& guest,
                                  const HostFacts& source,
                                  const std::vector<DestinationFacts>& candidates,
                                  ClearText clear_text) {
    std::optional<Choice> best;
    Bytes best_free;
    std::string refusals;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& candidate = candidates[i];
        const auto checks = preflight(request, guest, source, candidate, clear_text);
        if (const auto* bad = first_failed(checks)) {
            refusals += fmt::format("{}{}: {}", refusals.empty() ? "" : "; ", candidate.host.name,
                                    bad->finding);
            continue;
        }
        const auto left = candidate.host.memory_free - guest.memory;
        if (!best || left > best_free) {
            best_free = left;
            best = Choice{i, fmt::format("{} has the most memory left after the move ({})",
                                         candidate.host.name, format_bytes(left))};
        }
    }
    if (!best) {
        return fail(ErrorKind::blocked,
                    refusals.empty() ? std::string("there is no other host in the configuration; "
                                                   "add one to vmigrate.toml")
                                     : fmt::format("no host can take the guest: {}", refusals));
    }
    if (candidates.size() == 1) {
        best->reason = fmt::format("{} is the only other host", candidates.front().host.name);
    }
    return *best;
}

Plan make_plan(const Request& request, const GuestFacts& guest, const HostFacts& source,
               const DestinationFacts& destination, const MemoryFacts& memory,
               const PairHistory& history, ClearText clear_text) {
    Plan plan;
    plan.request = request;
    plan.guest = guest;
    plan.source = source;
    plan.destination = destination;
    plan.memory = memory;

    const auto bandwidth = choose_bandwidth(request.options, source, destination.host, history);
    auto chosen = choose_options(request, guest, source, destination, memory, bandwidth);
    plan.request.options = std::move(chosen.options);
    const auto& options = plan.request.options;
    plan.checks = preflight(plan.request, guest, source, destination, clear_text);
    plan.call =
        call_for(plan.request, guest, plan_storage(plan.request, guest, destination), bandwidth);
    auto qemu = choose_qemu(plan.request, guest, destination);
    plan.qemu = std::move(qemu.wishes);
    plan.call.qemu = std::move(qemu.settings);
    plan.notes.push_back(bandwidth.reason);
    if (!request.offline) {
        plan.notes.push_back(transport_note(plan.call));
    }
    plan.notes.insert(plan.notes.end(), chosen.notes.begin(), chosen.notes.end());
    if (plan.call.downtime_limit < options.downtime_limit) {
        plan.notes.push_back(
            fmt::format("downtime limit {} instead of {}: more does not fit under "
                        "the blackout ceiling of {}",
                        format_time(plan.call.downtime_limit), format_time(options.downtime_limit),
                        format_time(options.blackout_ceiling)));
    }
    plan.notes.push_back(persistence_note(plan));
    plan.notes.push_back(storage_note(plan));
    choose_qos(plan);
    choose_throttle(plan);
    if (request.observe_only) {
        plan.notes.emplace_back("observe-only: the live policies decide, and set nothing");
    }
    plan.prediction = predict(plan, bandwidth, history);
    note_means(plan);
    return plan;
}

}  // namespace vmigrate
