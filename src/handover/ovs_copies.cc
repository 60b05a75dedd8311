// SPDX-License-Identifier: GPL-2.0-or-later
//
// OvsFollower: the copies at the destination. They are made and compared a few at a time, so that
// nobody who changes a flow meanwhile waits for it, and written a few at a time with a pause, so
// that the switch does not stop forwarding for it. A round of comparisons begins each second.
#include "handover/ovs_follower.h"
#include "handover/ovs_follower_side.h"
#include "handover/pieces.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

constexpr seconds between_rounds{1};
/// To compare costs a tenth of making a copy.
constexpr std::size_t made_at_once = changes_at_once;
constexpr std::size_t compared_at_once = 1000;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

/// What is due of it. REQUIRES: the flows of both sides are known.
void OvsFollower::keep_copies() {
    auto& copies = *copies_;
    if (copies.to_write.empty()) {  // also during the pause
        if (!copies.in_round && now() >= copies.next_round) {
            begin_round();
        }
        if (copies.in_round) {
            look_further();
        }
    }
    if (!copies.to_write.empty() && now() >= copies.next_write) {
        write_next();
    }
    if (copies.to_write.empty() && copies.round_is_over && !complete_) {
        const std::scoped_lock lock(mutex_);
        complete_ = true;
        changed_.notify_all();
    }
}

void OvsFollower::begin_round() {
    auto& copies = *copies_;
    if (connect(*destination_)) {
        if (const auto found = destination_->writer->ports()) {
            std::set<Port> ports;
            for (const auto& port : *found) {
                ports.insert(port.port);
            }
            const std::scoped_lock lock(mutex_);
            copies.surroundings_changed |= ports != destination_->ports;
            destination_->ports = std::move(ports);
        }
    }
    copies.begun = true;
    copies.in_round = true;
    copies.round_is_over = false;
    if (copies.surroundings_changed) {
        copies.surroundings_changed = false;
        copies.all_anew = true;
        copies.originals = {};
    }
}

void OvsFollower::look_further() {
    auto& copies = *copies_;
    const std::scoped_lock lock(mutex_);
    const auto& others = destination_->monitor.flows();
    if (copies.all_anew && !frozen_) {
        const bool all = copies.originals.next(
            source_->flows, made_at_once,
            [&](const auto& entry) { copies.write(sync_.put(entry.second, others)); });
        copies.all_anew = !all;
        return;
    }
    auto [changes, round_is_over] = sync_.compare(others, compared_at_once);
    copies.write(std::move(changes));
    if (round_is_over) {
        copies.in_round = false;
        copies.round_is_over = true;
        copies.next_round = now() + between_rounds;
    }
}

/// A connection may have been lost long ago; so a lost one is made anew, once.
Result<void> OvsFollower::write(Side& side, std::span<const FlowMod> changes) {
    for (bool again = side.writer.has_value();; again = false) {
        auto done = connect(side);
        if (done) {
            done = side.writer->change_all(changes);
        }
        if (done || done.error().kind != ErrorKind::unreachable) {
            return done;
        }
        side.writer.reset();
        if (!again) {
            return done;
        }
    }
}

/// After a failure the next round finds the rest.
void OvsFollower::write_next() {
    auto& copies = *copies_;
    auto& waiting = copies.to_write;
    const auto end =
        waiting.begin() + static_cast<std::ptrdiff_t>(std::min(changes_at_once, waiting.size()));
    const std::vector<FlowMod> some(std::make_move_iterator(waiting.begin()),
                                    std::make_move_iterator(end));
    waiting.erase(waiting.begin(), end);
    if (auto done = write(*destination_, some); !done) {
        failed_to_write(*destination_, done.error());
        waiting.clear();
        copies.in_round = false;
        copies.round_is_over = false;
        copies.next_round = now() + between_rounds;
    }
    copies.next_write = now() + pause_between_changes;
}

}  // namespace vmigrate::handover
