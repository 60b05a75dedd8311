// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_follower.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "handover/ovs_follower_side.h"
#include "netflow/detour.h"
#include "netflow/relevant.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;
using Kind = FlowChange::Kind;

constexpr seconds between_restores{1};
constexpr seconds longest_wait{1};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

pollfd writer_of(const std::optional<Switch>& writer) {
    return writer ? pollfd{writer->fd(), writer->events(), 0} : pollfd{-1, 0, 0};
}

}  // namespace

OvsFollower::OvsFollower(Move move, const OvsHost& source, const OvsHost& destination,
                         milliseconds timeout)
    : move_(std::move(move)),
      timeout_(timeout),
      source_(std::make_unique<Side>(
          source, timeout, [this](const Flow& flow) { return matters_at_source(flow, move_); })),
      destination_(std::make_unique<Side>(
          destination, timeout,
          [this](const Flow& flow) { return matters_at_destination(flow, move_); })),
      copies_(std::make_unique<Copies>()),
      claims_(source, timeout),
      sync_(move_, {}),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    start();
}

OvsFollower::~OvsFollower() {
    stop();
    close(wake_);
}

void OvsFollower::start() {
    stop_ = false;
    thread_ = std::thread([this] { run(); });
}

void OvsFollower::stop() {
    stop_ = true;
    eventfd_write(wake_, 1);
    thread_.join();
    eventfd_t woken = 0;
    eventfd_read(wake_, &woken);
}

void OvsFollower::copy(Move move) {
    stop();
    move_ = std::move(move);
    begin_copies({});
}

void OvsFollower::keep(const std::vector<HandedOver>& copies) {
    stop();
    frozen_ = true;
    begin_copies(copies);
}

void OvsFollower::begin_copies(const std::vector<HandedOver>& known) {
    sync_ = FlowSync(move_,
                     {[this](Mac mac) { return neighbour(mac); },
                      [this](Port port) { return destination_->ports.contains(port); }},
                     known);
    copies_ = std::make_unique<Copies>();
    copying_ = true;
    start();
}

std::optional<Port> OvsFollower::neighbour(Mac mac) const {
    const auto found = neighbours_.find(mac);
    return found != neighbours_.end() ? std::optional(found->second) : std::nullopt;
}

void OvsFollower::run() {
    TimePoint next_second = now();
    while (!stop_) {
        const bool source_known = follow(*source_);
        const bool both_known = copying_ && follow(*destination_) && source_known;
        if (now() >= next_second) {
            each_second();
            next_second = now() + between_restores;
        }
        if (both_known) {
            keep_copies();
        }
        auto due = std::min(source_->monitor.deadline(), next_second);
        if (copying_) {
            due = std::min(due, destination_->monitor.deadline());
        }
        if (both_known) {
            due = std::min(due, copies_->due());
        }
        wait(due);
    }
    // whoever writes to the switches from now on comes after us
    settle(*source_);
    settle(*destination_);
}

void OvsFollower::wait(TimePoint until) {
    std::array<pollfd, 5> fds{
        pollfd{source_->monitor.fd().value_or(-1), source_->monitor.events(), 0},
        pollfd{destination_->monitor.fd().value_or(-1), destination_->monitor.events(), 0},
        pollfd{wake_, POLLIN, 0}, pollfd{-1, 0, 0}, pollfd{-1, 0, 0}};
    const auto writers = std::span(fds).last(2);
    {
        const std::scoped_lock correcting(correcting_);
        writers[0] = writer_of(source_->writer);
        writers[1] = writer_of(destination_->writer);
    }
    const std::chrono::nanoseconds left =
        std::clamp<TimePoint::duration>(until - now(), seconds(0), longest_wait);
    const timespec at_most{left / seconds(1), (left % seconds(1)).count()};
    ppoll(fds.data(), fds.size(), &at_most, nullptr);
    if (writers[0].revents != 0) {
        keep_alive(*source_);
    }
    if (writers[1].revents != 0) {
        keep_alive(*destination_);
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

void OvsFollower::each_second() {
    for (auto* side : {source_.get(), destination_.get()}) {
        if (side->monitor.synchronized()) {
            restore(*side);
        }
    }
}

void OvsFollower::took(Side& side, const FlowChange& change) {
    if (change.kind == Kind::lost || change.kind == Kind::synchronized) {
        const std::scoped_lock correcting(correcting_);
        if (change.kind == Kind::synchronized) {
            settle(side);
        }
        side.writer.reset();  // lost as well, or of a switch that has been restarted
        const std::scoped_lock lock(mutex_);
        complete_ = false;  // until a comparison has shown what changed meanwhile
        problem_ = change.kind == Kind::lost
                       ? "switch of " + side.name + ": " + side.monitor.problem()
                       : "";
        return;
    }
    if (&side == source_.get()) {
        took_at_source(change);
    } else {
        took_at_destination(change);
    }
}

void OvsFollower::took_at_source(const FlowChange& change) {
    if (correct_at_source(change)) {
        return;
    }
    const std::scoped_lock lock(mutex_);
    const auto key = FlowKey::of(change.flow);
    const bool there = change.kind != Kind::removed;
    // another process has committed: what changes from here on is no example any more
    frozen_ = frozen_ || (there && change.flow.cookie == cookie_of(move_, FlowKind::relay));
    if (there && classify(change.flow, move_).role != FlowRole::unrelated) {
        source_->flows[key] = change.flow;
    } else {
        source_->flows.erase(key);
    }
    if (!copying_ || frozen_) {
        return;
    }
    const auto& others = destination_->monitor.flows();
    if (!there) {
        copies_->write(sync_.drop(key, others));
    } else if (copies_->begun) {  // before, the destination's flows are not known
        copies_->write(sync_.put(change.flow, others));
    }
}

void OvsFollower::took_at_destination(const FlowChange& change) {
    {
        const std::scoped_lock lock(mutex_);
        const auto key = FlowKey::of(change.flow);
        const bool there = change.kind != Kind::removed;
        if (const auto known = neighbour_of_.find(key); known != neighbour_of_.end()) {
            neighbours_.erase(known->second);
            neighbour_of_.erase(known);
            copies_->surroundings_changed = true;
        }
        if (there) {
            if (const auto to = change.flow.match.get(field::eth_dst)) {
                if (const auto port = local_port_of(*to, {change.flow}, move_.destination.tunnel)) {
                    neighbours_[*to] = *port;
                    neighbour_of_[key] = *to;
                    copies_->surroundings_changed = true;
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
    }
    correct_at_destination(change);
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

void OvsFollower::failed_to_write(Side& side, const Error& error) {
    if (error.kind == ErrorKind::unreachable) {
        side.writer.reset();
    }
    const std::scoped_lock lock(mutex_);
    problem_ = "switch of " + side.name + ": " + error.message;
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

std::vector<HandedOver> OvsFollower::wanted() const {
    const std::scoped_lock lock(mutex_);
    return sync_.wanted();
}

std::vector<HandedOver> OvsFollower::copies() const {
    const std::scoped_lock lock(mutex_);
    return sync_.copies(destination_->flows);
}

std::vector<std::string> OvsFollower::left_out() const {
    const std::scoped_lock lock(mutex_);
    return sync_.left_out();
}

}  // namespace vmigrate::handover
