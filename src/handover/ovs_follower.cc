// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_follower.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "netflow/detour.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;
using Kind = FlowChange::Kind;

constexpr seconds between_comparisons{1};
/// More at once stall the traffic of a switch that forwards with the thread that takes them.
constexpr std::size_t flows_at_once = 100;
constexpr milliseconds pause_between{1};
/// What deletes more often than this fights with us: then only comparisons put things right.
constexpr unsigned restores_per_second = 1000;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

/// What is known of one switch. Monitor and connection belong to the thread.
struct OvsFollower::Side {
    Side(const OvsHost& host, milliseconds timeout)
        : name(host.name), endpoint(host.openflow), monitor(host.openflow, {}, timeout) {}

    std::string name;
    Endpoint endpoint;
    FlowMonitor monitor;
    std::optional<Switch> writer;
    FlowTable flows;    ///< those that view() shows
    FlowTable guarded;  ///< what is put back
    std::set<Port> ports;
    unsigned restores_left = restores_per_second;
};

OvsFollower::OvsFollower(Move move, const OvsHost& source, const OvsHost& destination,
                         milliseconds timeout)
    : move_(std::move(move)),
      timeout_(timeout),
      source_(std::make_unique<Side>(source, timeout)),
      destination_(std::make_unique<Side>(destination, timeout)),
      sync_(move_, {[this](Mac mac) { return neighbour(mac); },
                    [this](Port port) { return destination_->ports.contains(port); }}),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

OvsFollower::~OvsFollower() {
    stop_ = true;
    eventfd_write(wake_, 1);
    thread_.join();
    close(wake_);
}

std::optional<Port> OvsFollower::neighbour(Mac mac) const {
    const auto found = neighbours_.find(mac);
    return found != neighbours_.end() ? std::optional(found->second) : std::nullopt;
}

void OvsFollower::run() {
    TimePoint next_comparison = now();
    while (!stop_) {
        const bool source_known = follow(*source_);
        const bool whole = follow(*destination_) && source_known;
        // the first copy at once when both are known, later ones each second
        if (whole && (!complete_ || now() >= next_comparison)) {
            compare();
            next_comparison = now() + between_comparisons;
        }
        const auto due = std::min({source_->monitor.deadline(), destination_->monitor.deadline(),
                                   whole ? next_comparison : TimePoint::max()});
        const auto left = std::chrono::ceil<milliseconds>(due - now()).count();
        std::array<pollfd, 3> fds{
            pollfd{source_->monitor.fd().value_or(-1), source_->monitor.events(), 0},
            pollfd{destination_->monitor.fd().value_or(-1), destination_->monitor.events(), 0},
            pollfd{wake_, POLLIN, 0}};
        poll(fds.data(), fds.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000)));
    }
}

/// Takes what is there; true: all of the switch's flows are known.
bool OvsFollower::follow(Side& side) {
    side.monitor.run();
    while (const auto change = side.monitor.next()) {
        took(side, *change);
    }
    return side.monitor.synchronized();
}

void OvsFollower::took(Side& side, const FlowChange& change) {
    if (change.kind == Kind::lost || change.kind == Kind::synchronized) {
        side.writer.reset();  // lost as well, or of a switch that has been restarted
        const std::scoped_lock lock(mutex_);
        complete_ = false;  // until a comparison has shown what changed meanwhile
        problem_ = change.kind == Kind::lost
                       ? "switch of " + side.name + ": " + side.monitor.problem()
                       : "";
        return;
    }
    put_back(side, change);
    if (&side == source_.get()) {
        took_at_source(change);
    } else {
        took_at_destination(change);
    }
}

/// A flow that went by its time went rightly.
void OvsFollower::put_back(Side& side, const FlowChange& change) {
    if (change.kind != Kind::removed) {
        return;
    }
    const std::scoped_lock restoring(restoring_);
    std::optional<Flow> again;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = side.guarded.find(FlowKey::of(change.flow));
        if (found == side.guarded.end() || found->second.cookie != change.flow.cookie) {
            return;
        }
        if (change.reason == RemovedReason::idle || change.reason == RemovedReason::hard) {
            side.guarded.erase(found);
            changed_.notify_all();
            return;
        }
        if (side.restores_left > 0) {
            --side.restores_left;
            ++restored_;
            again = found->second;
        }
    }
    if (again) {
        write(side, {FlowMod::add(*again)});
    }
}

/// As long as the guest is on the source, what serves it there is right, whoever deletes it; and
/// what went while nobody could see it went with a restart of the switch, whatever it was for.
bool OvsFollower::keep_at_source(const FlowChange& change) {
    const bool unseen = !change.reason;
    if (change.kind != Kind::removed || (!unseen && change.reason != RemovedReason::deleted)) {
        return false;
    }
    const auto role = classify(change.flow, move_).role;
    if (role != FlowRole::serving &&
        (!unseen || (role != FlowRole::aimed && role != FlowRole::sent))) {
        return false;
    }
    {
        const std::scoped_lock lock(mutex_);
        if (frozen_ || (!unseen && source_->restores_left == 0)) {
            return false;
        }
        if (!unseen) {
            --source_->restores_left;
        }
        ++restored_;
    }
    return write(*source_, {FlowMod::add(change.flow)});
}

void OvsFollower::took_at_source(const FlowChange& change) {
    if (keep_at_source(change)) {
        return;
    }
    std::vector<FlowMod> changes;
    {
        const std::scoped_lock lock(mutex_);
        const auto key = FlowKey::of(change.flow);
        const bool there = change.kind != Kind::removed;
        const auto& others = destination_->monitor.flows();
        // another process has committed: what changes from here on is no example any more
        frozen_ = frozen_ || (there && change.flow.cookie == cookie_of(move_, FlowKind::relay));
        if (there && classify(change.flow, move_).role != FlowRole::unrelated) {
            source_->flows[key] = change.flow;
        } else {
            source_->flows.erase(key);
        }
        if (!frozen_ && !there) {
            changes = sync_.drop(key, others);
        } else if (!frozen_ && complete_) {  // before, the destination's flows are not known
            changes = sync_.put(change.flow, others);
        }
    }
    write(*destination_, std::move(changes));
}

void OvsFollower::took_at_destination(const FlowChange& change) {
    std::vector<FlowMod> changes;
    {
        const std::scoped_lock lock(mutex_);
        const auto key = FlowKey::of(change.flow);
        const bool there = change.kind != Kind::removed;
        if (const auto known = neighbour_of_.find(key); known != neighbour_of_.end()) {
            neighbours_.erase(known->second);
            neighbour_of_.erase(known);
        }
        if (there) {
            if (const auto to = change.flow.match.get(field::eth_dst)) {
                if (const auto port = local_port_of(*to, {change.flow}, move_.destination.tunnel)) {
                    neighbours_[*to] = *port;
                    neighbour_of_[key] = *to;
                }
            }
        }
        if (there &&
            (change.flow.cookie == cookie_of(move_, FlowKind::synced) ||
             relays_guest(change.flow, move_) || replaced_at_destination(change.flow, move_))) {
            destination_->flows[key] = change.flow;
        } else {
            destination_->flows.erase(key);
        }
        if (complete_ && !there && change.reason == RemovedReason::deleted) {
            if (auto again = sync_.missing(key); again && destination_->restores_left > 0) {
                --destination_->restores_left;
                ++restored_;
                changes.push_back(std::move(*again));
            }
        }
    }
    write(*destination_, std::move(changes));
}

void OvsFollower::compare() {
    if (connect(*destination_)) {
        if (const auto ports = destination_->writer->ports()) {
            const std::scoped_lock lock(mutex_);
            destination_->ports.clear();
            for (const auto& port : *ports) {
                destination_->ports.insert(port.port);
            }
        }
    }
    restore_source();
    std::vector<FlowMod> changes;
    {
        const std::scoped_lock lock(mutex_);
        const auto& others = destination_->monitor.flows();
        if (!frozen_) {
            for (const auto& [key, flow] : source_->flows) {
                // what it has to say is found by the comparison, too
                static_cast<void>(sync_.put(flow, others));
            }
        }
        changes = sync_.compare(others);
        source_->restores_left = restores_per_second;
        destination_->restores_left = restores_per_second;
    }
    if (write(*destination_, std::move(changes))) {
        const std::scoped_lock lock(mutex_);
        complete_ = true;
        changed_.notify_all();
    }
}

/// What was not put back at once: too many at a time, or nobody watched.
void OvsFollower::restore_source() {
    const std::scoped_lock restoring(restoring_);
    std::vector<FlowMod> missing;
    {
        const std::scoped_lock lock(mutex_);
        for (const auto& [key, flow] : source_->guarded) {
            const auto& flows = source_->monitor.flows();
            const auto there = flows.find(key);
            // a redirect is there where its relay was not taken
            if (there == flows.end() || there->second.cookie != flow.cookie) {
                ++restored_;
                missing.push_back(FlowMod::add(flow));
            }
        }
    }
    write(*source_, std::move(missing));
}

Result<void> OvsFollower::connect(Side& side) {
    if (!side.writer) {
        auto connected = Switch::connect(side.endpoint, timeout_);
        if (!connected) {
            return fail(connected.error());
        }
        side.writer.emplace(std::move(*connected));
    }
    return {};
}

Result<void> OvsFollower::write_all(Side& side, std::span<const FlowMod> changes) {
    auto done = connect(side);
    for (std::size_t at = 0; done && at < changes.size(); at += flows_at_once) {
        if (at > 0) {
            std::this_thread::sleep_for(pause_between);
        }
        const auto count = std::min(flows_at_once, changes.size() - at);
        done = side.writer->change_all(changes.subspan(at, count));
    }
    if (!done && done.error().kind == ErrorKind::unreachable) {
        side.writer.reset();
    }
    return done;
}

/// False, with the problem noted, when not all was done: the next comparison finds the rest.
bool OvsFollower::write(Side& side, std::vector<FlowMod> changes) {
    if (changes.empty()) {
        return true;
    }
    if (!side.monitor.synchronized()) {
        return false;  // it would only keep the other side waiting
    }
    const bool old = side.writer.has_value();
    auto done = write_all(side, changes);
    if (!done && old && !side.writer) {
        done = write_all(side, changes);  // the connection may have been lost long ago
    }
    if (done) {
        return true;
    }
    const std::scoped_lock lock(mutex_);
    problem_ = "switch of " + side.name + ": " + done.error().message;
    return false;
}

Result<void> OvsFollower::wait_for_copies(TimePoint until) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_until(lock, until, [this] { return complete_; })) {
        return {};
    }
    return fail(ErrorKind::unreachable,
                problem_.empty() ? "the guest's flows were not copied in time" : problem_);
}

OvsFollower::View OvsFollower::view() const {
    const std::scoped_lock lock(mutex_);
    View view;
    for (const auto& [key, flow] : source_->flows) {
        view.source.push_back(flow);
    }
    for (const auto& [key, flow] : destination_->flows) {
        view.destination.push_back(flow);
    }
    return view;
}

void OvsFollower::guard(End end, const FlowList& flows) {
    const std::scoped_lock restoring(restoring_);
    const std::scoped_lock lock(mutex_);
    auto& guarded = (end == End::source ? source_ : destination_)->guarded;
    guarded.clear();
    for (const auto& flow : flows) {
        guarded.emplace(FlowKey::of(flow), flow);
    }
}

void OvsFollower::freeze() {
    const std::scoped_lock lock(mutex_);
    frozen_ = true;
}

std::vector<HandedOver> OvsFollower::copies() const {
    const std::scoped_lock lock(mutex_);
    return sync_.copies(destination_->flows);
}

std::vector<std::string> OvsFollower::left_out() const {
    const std::scoped_lock lock(mutex_);
    return sync_.left_out();
}

bool OvsFollower::guards_relays() const {
    const std::scoped_lock lock(mutex_);
    const auto relay = cookie_of(move_, FlowKind::relay);
    return std::ranges::any_of(source_->guarded,
                               [&](const auto& entry) { return entry.second.cookie == relay; });
}

std::uint64_t OvsFollower::restored() const {
    const std::scoped_lock lock(mutex_);
    return restored_;
}

}  // namespace vmigrate::handover
