// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: the end of a move.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <thread>

#include "handover/ovs.h"
#include "handover/ovs_senders.h"
#include "netflow/guest_flows.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

constexpr milliseconds between_drain_looks{200};
/// What comes by the relay comes from somebody who was not told, or whose controller wrote the old
/// flow back: it is replaced again, less and less often.
constexpr seconds first_replace_again{1};
constexpr seconds slowest_replace_again{32};
constexpr seconds between_attempts{1};
/// Senders are replaced at once; what comes this long after is of one that was not.
constexpr seconds quiet_enough{2};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// A guest that was started again since has another port: with what names the old one, nothing
/// would reach it, and its controller would not be asked.
std::vector<HandedOver> of_ports_that_exist(OvsBridge& bridge, std::vector<HandedOver> copies) {
    if (const auto found = bridge.ports()) {
        std::set<Port> ports;
        for (const auto& port : *found) {
            ports.insert(port.port);
        }
        const Surroundings there{{}, [&](Port port) { return ports.contains(port); }};
        std::erase_if(copies, [&](const HandedOver& one) {
            return is_stale(one.copy, there, bridge.host().tunnel_port);
        });
    }
    return copies;
}

}  // namespace

DrainState Ovs::state_of(Drained drained) {
    switch (drained) {
        case Drained::gone:
        case Drained::quiet:
            return DrainState::drained;
        case Drained::overtaken:
            return DrainState::overtaken;
        case Drained::busy:
            return DrainState::alarm;
        case Drained::unknown:
            break;
    }
    return DrainState::draining;
}

Ovs::Ovs(OvsTask task, const OvsRemains& remains, LocationRegistry& registry)
    : Ovs(std::move(task), registry) {
    version_ = remains.version;
    move_.version = static_cast<std::uint16_t>(version_);
    move_.migration = remains.migration;
    move_.nics = remains.nics;
    locked_ = true;
    committed_ = true;
    remains_ = remains;
}

Result<FlowList> Ovs::of_kind(OvsBridge& bridge, FlowKind kind) {
    FlowFilter filter;
    filter.cookies = CookieFilter::exactly(cookie_of(move_, kind));
    return bridge.flows(filter);
}

std::vector<HandedOver> Ovs::copies() {
    if (remains_) {  // a follower that has just begun may not have been told of them
        const auto there = of_kind(destination_, FlowKind::synced);
        return there ? found_again(remains_->copies, *there) : copies_;
    }
    return follower_ ? follower_->copies() : copies_;
}

Result<void> Ovs::go_on() {
    const auto at_destination = of_kind(destination_, FlowKind::synced);
    const auto at_source = of_kind(source_, FlowKind::synced);
    auto relays = of_kind(source_, FlowKind::relay);
    const auto loop_guards = of_kind(source_, FlowKind::guard);
    for (const auto* asked : {&at_destination, &at_source, &std::as_const(relays), &loop_guards}) {
        if (!*asked) {
            return fail(asked->error());
        }
    }
    copies_ = of_ports_that_exist(destination_, found_again(remains_->copies, *at_destination));
    cutover_.ways_back = of_ports_that_exist(source_, found_again(remains_->ways_back, *at_source));
    if (!overtaken()) {
        follower_ = std::make_unique<OvsFollower>(move_, task_.source, task_.destination,
                                                  task_.times.request);
        follower_->keep(copies_);
        relays->insert(relays->end(), loop_guards->begin(), loop_guards->end());
        guard(std::move(*relays));
    }
    return {};
}

/// Where the source relays for long, others may want to move the guest on before it ends.
void Ovs::free_early() {
    if (!freed_) {
        freed_ = true;
        free_both();
    }
}

Ovs::Drained Ovs::watch_relays() {
    FlowFilter relays;
    relays.cookies = CookieFilter::exactly(cookie_of(move_, FlowKind::relay));
    const auto began = now();
    const auto until = began + task_.times.alarm;
    std::unordered_map<FlowKey, std::uint64_t, FlowKeyHash> counters;
    auto quiet_since = began;
    std::uint64_t replaced_for = 0;
    auto pause = first_replace_again;
    auto next_round = began + pause;
    for (;;) {
        if (overtaken()) {  // the later move has taken the relays away, perhaps
            return Drained::overtaken;
        }
        const auto left = source_.stats(relays);
        // a switch that has been restarted has none for a moment
        if (left && left->empty() && !(follower_ && follower_->guards_relays())) {
            return Drained::gone;
        }
        std::uint64_t more = 0;
        for (const auto& one : left.value_or(std::vector<FlowStats>{})) {
            auto& before = counters[FlowKey::of(one.flow)];
            // one that was deleted and put back counts from the start
            more += one.packets >= before ? one.packets - before : one.packets;
            before = one.packets;
        }
        drained_.relayed_packets += more;
        if (more > 0) {
            drained_.quiet_after = std::chrono::ceil<milliseconds>(now() - began);
        }
        if (!left || more > 0) {
            quiet_since = now();
        }
        if (now() - quiet_since >= quiet_enough) {
            return Drained::quiet;
        }
        if (now() >= until) {
            if (!left) {
                problems_.push_back(left.error().message);
            }
            return left ? Drained::busy : Drained::unknown;
        }
        if (now() >= next_round && drained_.relayed_packets != replaced_for) {
            static_cast<void>(replace_at_peers());
            replaced_for = drained_.relayed_packets;
            pause = std::min(2 * pause, slowest_replace_again);
            next_round = now() + pause;
        }
        if (now() - began >= quiet_enough) {
            free_early();
        }
        std::this_thread::sleep_for(between_drain_looks);
    }
}

bool Ovs::is_outdated(OvsBridge& peer) {
    return std::ranges::any_of(move_.nics, [&](const GuestNic& nic) {
        const auto flows = peer.flows(sent_to(nic.mac));
        return !flows ||
               !vmigrate::netflow::replace_at_peer(peer.host().name, *flows, move_).changes.empty();
    });
}

std::string Ovs::name_of_end(Ipv4 address) {
    const auto found = std::ranges::find_if(
        peers_, [&](const OvsBridge& peer) { return peer.host().tunnel_address == address; });
    if (found != peers_.end()) {
        return found->host().name;
    }
    return address == move_.destination.address ? move_.destination.name : format(address);
}

/// Those whose packets are seen, and those whose flows say that they would send there.
std::vector<std::string> Ovs::stale_senders() {
    std::vector<std::string> names;
    for (auto& peer : peers_) {
        if (is_outdated(peer)) {
            names.push_back(peer.host().name);
        }
    }
    const auto relays = of_kind(source_, FlowKind::relay);
    const auto seen = relays ? relay_senders(task_.source, *relays, move_, task_.times.request)
                             : Result<RelaySenders>(fail(relays.error()));
    if (!seen) {
        problems_.push_back(fmt::format("who else sends to {} was not seen: {}", move_.source.name,
                                        seen.error().message));
        return names;
    }
    const auto add = [&](const std::string& name) {
        if (std::ranges::find(names, name) == names.end()) {
            names.push_back(name);
        }
    };
    for (const auto address : seen->by_tunnel) {
        add(name_of_end(address));
    }
    if (seen->local) {
        add(move_.source.name);
    }
    return names;
}

/// By who has moved the guest: the program is told of the cards what another process does not know.
void Ovs::ask_program() {
    if (task_.refresh == RefreshBy::program && !remains_) {
        if (const auto done = run_step(task_.program, "refresh"); !done) {
            problems_.push_back(done.error().message);
        }
    }
}

void Ovs::end_refresh(TimePoint until) {
    if (refresh_) {
        refresh_->wait(until);
        std::ranges::move(refresh_->end(), std::back_inserter(problems_));
        refresh_.reset();
    }
}

Result<void> Ovs::drain() {
    if (!committed_) {
        return {};
    }
    ask_program();
    const auto refresh_until = now() + task_.times.refresh;
    if (drain_elsewhere_) {
        end_refresh(refresh_until);  // who holds the flows knows what they were
        if (drain_elsewhere_()) {
            stop_following();
            return outcome();
        }
    }
    const auto give_up = now() + task_.times.alarm;
    for (auto known = remains_ ? go_on() : Result<void>(); !known; known = go_on()) {
        if (now() >= give_up) {
            problems_.push_back(known.error().message);
            return report(DrainState::draining);
        }
        std::this_thread::sleep_for(between_attempts);
    }
    const auto drained = watch_relays();
    end_refresh(drained == Drained::overtaken ? now() : refresh_until);
    if (drained == Drained::busy) {
        drained_.stale_senders = stale_senders();
        const auto& stale = drained_.stale_senders;
        problems_.push_back(fmt::format(
            "{} still relays to {} after {}; senders that were not updated: {}", move_.source.name,
            move_.destination.name, format_time(task_.times.alarm),
            stale.empty() ? "none was seen" : fmt::format("{}", fmt::join(stale, ", "))));
    }
    const auto before = problems_.size();
    const auto handed = of_ports_that_exist(destination_, copies());
    const auto ways_back = of_ports_that_exist(source_, cutover_.ways_back);
    stop_following();
    const auto relays = drained == Drained::gone ? Relays::go : Relays::stay;
    for (const auto& step : finish(move_, handed, ways_back, relays)) {
        static_cast<void>(apply(step));
    }
    free_early();  // not sooner if it can wait: a switch looks at all of its configuration then
    const bool all_done = problems_.size() == before && drained != Drained::unknown;
    return report(all_done ? state_of(drained) : DrainState::draining);
}

/// What is not all done, another process may do again.
Result<void> Ovs::report(DrainState state) {
    drained_.state = state;
    drained_.problems = problems_;
    const Location location{task_.destination.name, version_, move_.migration, false};
    if (auto told = registry_.drained(task_.guest_uuid, location, drained_); !told) {
        problems_.push_back(told.error().message);
    }
    return outcome();
}

}  // namespace vmigrate::handover
