// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <future>
#include <thread>

namespace vmigrate::handover {
namespace {

using namespace netflow;

/// Until a switch forwards as it was told last, and what waited for that has passed.
constexpr milliseconds after_a_change{20};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

void append(FlowList& to, Result<FlowList> flows) {
    if (flows) {
        std::ranges::move(*flows, std::back_inserter(to));
    }
}

/// All that may be the guest's on a bridge where its ports are these, and all that is ours.
FlowList guest_flows(OvsBridge& bridge, const Move& move, Port GuestNic::*port) {
    FlowList flows;
    for (const auto& nic : move.nics) {
        for (const auto& filter : sent_to(nic)) {
            append(flows, bridge.flows(filter));
        }
        if (nic.*port != Port::any) {
            append(flows, bridge.flows(sent_from(nic.*port)));
            append(flows, bridge.flows(brought_to(nic.*port)));
        }
    }
    FlowFilter ours;
    ours.cookies = own_flows();
    append(flows, bridge.flows(ours));
    return flows;
}

/// The guest's copies on the destination, after a death: as far as their originals are there and
/// the source's ports are known.
std::vector<HandedOver> copies_of(const Scene& scene) {
    FlowTable there;
    for (const auto& flow : scene.destination) {
        there.emplace(FlowKey::of(flow), flow);
    }
    const auto& move = scene.move;
    FlowSync sync(move, {[&](Mac mac) {
                             return local_port_of(mac, scene.destination, move.destination.tunnel);
                         },
                         [](Port) { return true; }});
    for (const auto& flow : scene.source) {
        static_cast<void>(sync.put(flow, there));
    }
    return sync.copies(there);
}

}  // namespace

Ovs::Ovs(OvsTask task, LocationRegistry& registry, std::function<bool()> drain_elsewhere)
    : task_(std::move(task)),
      registry_(registry),
      source_(task_.source, task_.times.request),
      destination_(task_.destination, task_.times.request),
      drain_elsewhere_(std::move(drain_elsewhere)) {
    for (const auto& peer : task_.peers) {
        peers_.emplace_back(peer, task_.times.request);
    }
    move_.source = task_.source.end();
    move_.destination = task_.destination.end();
    move_.relay_priority = task_.relay_priority;
    for (const auto& nic : task_.nics) {
        move_.nics.push_back({nic.mac, nic.vni, Port::any, Port::any});
    }
}

Ovs::~Ovs() = default;

OvsBridge& Ovs::at(const std::string& name) {
    return name == source_.host().name ? source_ : destination_;
}

Result<void> Ovs::apply(const Step& step) {
    auto done = at(step.at).apply(step);
    if (!done && step.duty == Step::Duty::report) {
        problems_.push_back(fmt::format("{}: {}", step.name, done.error().message));
    }
    return done;
}

Result<void> Ovs::outcome() {
    if (problems_.empty()) {
        return {};
    }
    std::ranges::sort(problems_);
    problems_.erase(std::unique(problems_.begin(), problems_.end()), problems_.end());
    const auto text = fmt::format("{}", fmt::join(problems_, "; "));
    problems_.clear();
    return fail(ErrorKind::network, text);
}

Result<void> Ovs::remember(const std::string& host, bool locked) {
    // a later move may have begun
    const auto known = registry_.find(task_.guest_uuid);
    if (known && *known && (*known)->version > version_) {
        return {};
    }
    return registry_.remember(task_.guest_uuid, {host, version_, move_.migration, locked});
}

bool Ovs::begun() const {
    return follower_ && follower_->copies_are_made();
}

/// From the lock on what serves the guest is kept.
void Ovs::follow() {
    if (!follower_) {
        follower_ = std::make_unique<OvsFollower>(move_, task_.source, task_.destination,
                                                  task_.times.request);
    }
}

void Ovs::stop_following() {
    if (follower_) {
        const auto corrected = follower_->corrected();
        corrected_.at_source += corrected.at_source;
        corrected_.at_destination += corrected.at_destination;
        follower_.reset();
    }
}

std::vector<std::string> Ovs::notices() {
    auto corrected = corrected_;
    if (follower_) {
        const auto more = follower_->corrected();
        corrected.at_source += more.at_source;
        corrected.at_destination += more.at_destination;
    }
    std::vector<std::string> lines;
    const auto say = [&](const OvsHost& host, std::uint64_t count) {
        if (count > 0) {
            lines.push_back(
                fmt::format("switch of {}: {} times a flow of the guest was put right "
                            "that somebody had deleted or changed",
                            host.name, count));
        }
    };
    say(task_.source, corrected.at_source - told_.at_source);
    say(task_.destination, corrected.at_destination - told_.at_destination);
    told_ = corrected;
    return lines;
}

Result<void> Ovs::begin() {
    if (begun()) {
        return {};
    }
    if (!locked_) {
        auto known = pick_up();
        if (known && !locked_) {
            known = fail(ErrorKind::usage, "the guest's location is not locked");
        }
        known = known ? find_cards() : known;
        if (!known) {
            return known;
        }
    }
    auto ready = await_ports(destination_, &GuestNic::at_destination, task_.times.port);
    // A QEMU that waits for a guest reads the first packet of each card before it knows the guest's
    // layout of packets, and spoils it. Better one that nobody misses.
    for (const auto& nic : move_.nics) {
        if (ready) {
            ready = destination_.send_blank(nic.at_destination, nic.mac, blanks_from_);
        }
    }
    if (ready) {
        follow();
        follower_->copy(move_);
        prepare_refresh();
        if (wants_lead()) {
            if (auto taken = taken_so_far()) {
                taken_before_ = std::move(*taken);
            }
        }
    }
    return ready;
}

Scene Ovs::look() {
    Scene scene;
    scene.times = {task_.times.relay_idle, task_.times.redirect};
    if (begun()) {
        auto view = follower_->view();
        scene.source = std::move(view.source);
        scene.destination = std::move(view.destination);
    } else {
        scene.source = guest_flows(source_, move_, &GuestNic::at_source);
        scene.destination = guest_flows(destination_, move_, &GuestNic::at_destination);
    }
    learn_addresses(move_, scene.source);
    // by this process, or by another one
    const auto mirrors = cookie_of(move_, FlowKind::mirror);
    scene.mirrored = mirrored_ || std::ranges::any_of(scene.source, [&](const Flow& flow) {
                         return flow.cookie == mirrors;
                     });
    scene.move = move_;
    return scene;
}

Result<void> Ovs::redirect() {
    if (redirected_ || committed_) {
        return {};
    }
    auto turned = turn_flows();
    if (turned) {
        await_redirects();
        settle();
    }
    return turned;
}

Result<void> Ovs::turn_flows() {
    if (!begun()) {
        return fail(ErrorKind::network, "the destination's port was not there in time");
    }
    // what was lost in between is awaited only for a moment: the guest may be standing still
    constexpr milliseconds for_a_restart{300};
    const auto patience = copied_ ? for_a_restart : task_.times.request;
    if (auto copied = follower_->wait_for_copies(now() + patience); !copied) {
        return copied;
    }
    copied_ = true;
    for (const auto& nic : move_.nics) {
        if (const auto there = destination_.taken_from(nic.at_destination); !there) {
            return fail(there.error());
        }
    }
    auto scene = look();
    // put back by withdraw() a moment ago, and perhaps not told yet
    std::ranges::copy(cutover_.destination_relays, std::back_inserter(scene.destination));
    cutover_ = cutover(scene);
    for (const auto& step : cutover_.steps) {
        if (auto done = apply(step); !done) {
            static_cast<void>(withdraw_steps());
            return done;
        }
    }
    redirected_ = true;
    mirrored_ = false;
    guard(cutover_.redirects);
    for (const auto& line : cutover_.uncovered) {
        problems_.push_back(line);
    }
    return {};
}

/// These, and with them the ways back to the source's own guests.
void Ovs::guard(FlowList flows) {
    for (const auto& way : cutover_.ways_back) {
        flows.push_back(way.copy);
    }
    follower_->guard(flows);
}

Result<void> Ovs::withdraw_steps() {
    if (follower_) {
        follower_->guard({});
    }
    Result<void> result;
    for (const auto& step : cutover_.withdraw) {
        if (auto done = apply(step); !done && result) {
            result = done;
        }
    }
    return result;
}

Result<void> Ovs::withdraw() {
    if (std::exchange(mirrored_, false)) {
        return at(move_.source.name).apply(unmirror(move_));
    }
    if (!redirected_) {
        return {};
    }
    auto done = withdraw_steps();
    if (done) {
        redirected_ = false;
        problems_.clear();
    }
    return done;
}

/// Another process may have died at any point after lock().
Result<void> Ovs::pick_up() {
    if (locked_) {
        return {};
    }
    const auto known = registry_.find(task_.guest_uuid);
    if (!known) {
        return fail(known.error());
    }
    if (!*known || !(*known)->locked) {
        return {};  // it did not come to lock(), or it was over
    }
    version_ = (*known)->version;
    move_.version = static_cast<std::uint16_t>(version_);
    move_.migration = (*known)->migration;
    locked_ = true;
    return {};
}

Result<void> Ovs::commit() {
    if (committed_) {
        return {};
    }
    if (auto known = pick_up(); !known) {
        return known;
    }
    if (!locked_) {
        return {};
    }
    prepare_refresh();
    commit_here();
    if (refresh_) {
        refresh_->begin(source_.host().name, move_);
        refresh_->begin(destination_.host().name, move_);
    }
    auto replacing = std::async(std::launch::async, [this] { return replace_at_peers(); });
    remember_remains();  // meanwhile
    std::ranges::move(replacing.get(), std::back_inserter(problems_));
    if (auto remembered = remember(task_.destination.name, false); !remembered) {
        problems_.push_back(remembered.error().message);
    }
    committed_ = true;
    return outcome();
}

void Ovs::commit_here() {
    if (follower_) {
        follower_->freeze();
        follower_->guard({});  // or it might put a redirect over a relay
    }
    if (!begun()) {
        // libvirt has removed the source's port by now, perhaps
        static_cast<void>(await_ports(source_, &GuestNic::at_source, milliseconds(0)));
        if (const auto found =
                await_ports(destination_, &GuestNic::at_destination, task_.times.port);
            !found) {
            problems_.push_back(found.error().message);
        }
        for (auto& nic : move_.nics) {
            nic.vni = nic.vni ? nic.vni : learn_vni(nic);
        }
        find_former_places();
    }
    const auto scene = look();
    bool may_loop = false;
    if (!redirected_) {
        cutover_ = cutover(scene);
        for (const auto& step : cutover_.steps) {
            if (step.at == move_.destination.name && !apply(step)) {
                may_loop = true;
            }
        }
        problems_.insert(problems_.end(), cutover_.uncovered.begin(), cutover_.uncovered.end());
    }
    FlowList written;
    for (const auto& step : vmigrate::netflow::commit(scene, cutover_.redirects, may_loop)) {
        const auto done = apply(step);
        for (const auto& change : step.changes) {
            const bool stays = change.command == FlowCommand::add ||
                               (done && change.command == FlowCommand::modify_strict);
            if (stays && step.at == source_.host().name) {
                written.push_back(change.flow);
            }
        }
        if (!done && step.at == source_.host().name) {
            // the follower goes on to try; the source's own senders were not replaced either
            for (const auto& redirect : cutover_.redirects) {
                written.push_back(as_relay(redirect, move_, scene.times));
            }
        }
    }
    if (follower_) {
        guard(std::move(written));
    } else {
        copies_ = copies_of(scene);
    }
}

void Ovs::remember_remains() {
    OvsRemains remains{version_, move_.migration, move_.nics, {}, cutover_.ways_back};
    remains.copies = follower_ ? follower_->wanted() : copies_;  // the switch may be late to tell
    const Location location{task_.destination.name, version_, move_.migration, true};
    if (auto done = registry_.leave(task_.guest_uuid, location, to_text(remains)); !done) {
        problems_.push_back(done.error().message);
    }
}

void Ovs::prepare_refresh() {
    if (!refresh_ && task_.refresh == RefreshBy::controller) {
        refresh_ = std::make_unique<OvsRefresh>(task_);
    }
}

Result<void> Ovs::rollback() {
    if (committed_) {
        return fail(ErrorKind::internal, "the network has been committed");
    }
    refresh_.reset();
    if (auto known = pick_up(); !known) {
        return known;
    }
    if (redirected_) {
        // first of all: the guest runs here, and its traffic goes there
        static_cast<void>(withdraw_steps());
    }
    if (!cutover_.redirects.empty()) {
        // the traffic first: a switch that is told more is late to forward by what it was told
        std::this_thread::sleep_for(after_a_change);
    }
    stop_following();
    problems_.clear();
    if (!locked_) {
        return {};
    }
    for (const auto& step : vmigrate::netflow::rollback(move_, cutover_.destination_relays)) {
        static_cast<void>(apply(step));
    }
    free_both();
    // what was not done can be done by another process
    if (auto remembered = remember(task_.source.name, !problems_.empty()); !remembered) {
        problems_.push_back(remembered.error().message);
    }
    redirected_ = false;
    mirrored_ = false;
    cutover_ = {};
    auto result = outcome();
    locked_ = !result.has_value();
    return result;
}

}  // namespace vmigrate::handover
