// SPDX-License-Identifier: GPL-2.0-or-later
//
// OvsFollower: what somebody deletes or writes back is put right. These writes do not wait for the
// switch: a packet that comes meanwhile is lost.
#include <algorithm>

#include "handover/ovs_follower.h"
#include "handover/ovs_follower_side.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;
using Kind = FlowChange::Kind;

bool went_by_time(const FlowChange& change) {
    return change.reason == RemovedReason::idle || change.reason == RemovedReason::hard;
}

bool is_of(const Move& move, const Flow& flow) {
    const auto own = OwnCookie::decode(flow.cookie);
    return own && own->migration == move.migration;
}

/// As far as cookies carry versions.
bool is_later(std::uint64_t version, const Move& move) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(version) - move.version) > 0;
}

/// Of a later move of the guest than `move`.
bool is_later(const Flow& flow, const Move& move) {
    const auto own = OwnCookie::decode(flow.cookie);
    return own && is_later(own->version, move) &&
           (relays_guest(flow, move) || classify(flow, move).nic != nullptr);
}

/// As long as the guest is on the source, what serves it there is right, whoever deletes it; and
/// what went while nobody could see it went with a restart of the switch, whatever it was for.
bool must_stay(const FlowChange& change, const Move& move) {
    const auto role = classify(change.flow, move).role;
    if (!change.reason) {
        return role == FlowRole::serving || role == FlowRole::aimed || role == FlowRole::sent;
    }
    return change.reason == RemovedReason::deleted && role == FlowRole::serving;
}

}  // namespace

/// A flow that went by its time went rightly. When the guest has left, what serves it on the source
/// is wrong, whoever writes it.
std::optional<FlowMod> OvsFollower::correction(const FlowChange& change) {
    auto& guarded = source_->guarded;
    if (change.kind != Kind::removed && is_later(change.flow, move_)) {
        overtaken_ = true;
        guarded.clear();
    }
    if (overtaken_) {
        return std::nullopt;
    }
    const auto key = FlowKey::of(change.flow);
    const auto found = guarded.find(key);
    if (change.kind == Kind::removed) {
        if (found != guarded.end() && found->second.cookie == change.flow.cookie) {
            if (went_by_time(change)) {
                guarded.erase(found);
                return std::nullopt;
            }
            return FlowMod::add(found->second);
        }
        return !frozen_ && must_stay(change, move_) ? std::optional(FlowMod::add(change.flow))
                                                    : std::nullopt;
    }
    if (is_of(move_, change.flow)) {
        return std::nullopt;  // what we wrote ourselves may be told late
    }
    if (frozen_) {
        if (auto replaced = replaced_at_source(change.flow, move_)) {
            guarded[key] = *replaced;
            return FlowMod::modify_strict(std::move(*replaced));
        }
    }
    if (found != guarded.end() && (found->second.cookie != change.flow.cookie ||
                                   found->second.instructions != change.flow.instructions)) {
        guarded.erase(found);  // somebody knows better
    }
    return std::nullopt;
}

bool OvsFollower::is_written_back(const FlowChange& change) const {
    const std::scoped_lock lock(mutex_);
    return frozen_ && !overtaken_ && change.kind != Kind::removed &&
           replaced_at_source(change.flow, move_).has_value();
}

/// A later move says so at a switch before it writes there. What tells of it in flows is where the
/// guest has gone, and may be told after what it wrote here. On doubt the flow is left as it is: a
/// relay covers it.
bool OvsFollower::may_be_of_a_later_move() {
    for (const auto& nic : move_.nics) {
        const auto version = claims_.version(nic.mac);
        if (!version) {
            return true;
        }
        if (is_later(*version, move_)) {
            const std::scoped_lock lock(mutex_);
            overtaken_ = true;
            source_->guarded.clear();
            return true;
        }
    }
    return false;
}

bool OvsFollower::correct_at_source(const FlowChange& change) {
    const std::scoped_lock correcting(correcting_);
    if (is_written_back(change) && may_be_of_a_later_move()) {
        return false;
    }
    std::vector<FlowMod> changes;
    {
        const std::scoped_lock lock(mutex_);
        if (auto one = correction(change)) {
            changes = change.reason ? at_once(*source_, std::move(*one)) : std::vector{*one};
        } else {
            return false;
        }
    }
    post(*source_, changes);
    return true;
}

void OvsFollower::correct_at_destination(const FlowChange& change) {
    std::vector<FlowMod> changes;
    {
        const std::scoped_lock lock(mutex_);
        std::optional<FlowMod> one;
        overtaken_ |= change.kind != Kind::removed && is_later(change.flow, move_);
        if (overtaken_) {
            return;
        }
        if (change.kind == Kind::removed) {
            if (complete_ && change.reason == RemovedReason::deleted) {
                one = sync_.missing(FlowKey::of(change.flow));
            }
        } else if (frozen_) {
            if (auto replaced = replaced_at_destination(change.flow, move_)) {
                one = FlowMod::modify_strict(std::move(*replaced));
            }
        }
        if (one) {
            changes = at_once(*destination_, std::move(*one));
        }
    }
    post(*destination_, changes);
}

/// Empty where it has to wait.
std::vector<FlowMod> OvsFollower::at_once(Side& side, FlowMod change) {
    if (side.corrections_left == 0) {
        const auto key = FlowKey::of(change.flow);
        side.late.insert_or_assign(key, std::move(change));
        return {};
    }
    --side.corrections_left;
    ++side.corrections;
    return {std::move(change)};
}

/// What was not put right at once: too many at a time, or nobody watched.
void OvsFollower::restore(Side& side) {
    const std::scoped_lock correcting(correcting_);
    std::vector<FlowMod> changes;
    {
        const std::scoped_lock lock(mutex_);
        const auto& there = side.monitor.flows();
        for (const auto& [key, flow] : side.guarded) {
            const auto found = there.find(key);
            // a redirect is there where its relay was not taken
            if (found == there.end() ||
                (is_of(move_, found->second) && found->second.cookie != flow.cookie)) {
                side.late.insert_or_assign(key, FlowMod::add(flow));
            }
        }
        for (auto& [key, change] : side.late) {
            changes.push_back(std::move(change));
        }
        side.late.clear();
        side.corrections += changes.size();
        side.corrections_left = Side::corrections_per_second;
    }
    static_cast<void>(connect(side));  // before the first of them is in a hurry
    post(side, changes);
}

void OvsFollower::post(Side& side, const std::vector<FlowMod>& changes) {
    if (changes.empty()) {
        return;
    }
    auto done = connect(side);
    if (done) {
        done = side.writer->post(changes);
        side.unsettled = true;
    }
    if (!done) {
        failed_to_write(side, done.error());
    }
}

/// REQUIRES: nobody else writes to the side meanwhile.
void OvsFollower::settle(Side& side) {
    if (side.writer && side.unsettled) {
        static_cast<void>(side.writer->barrier());
    }
    side.unsettled = false;
}

void OvsFollower::keep_alive(Side& side) {
    const std::scoped_lock correcting(correcting_);
    if (side.writer && !side.writer->on_ready()) {
        side.writer.reset();
    }
}

void OvsFollower::guard(const FlowList& flows) {
    const std::scoped_lock correcting(correcting_);
    settle(*source_);
    const std::scoped_lock lock(mutex_);
    source_->guarded.clear();
    source_->late.clear();
    for (const auto& flow : flows) {
        source_->guarded.emplace(FlowKey::of(flow), flow);
    }
}

void OvsFollower::freeze() {
    const std::scoped_lock correcting(correcting_);
    settle(*source_);
    const std::scoped_lock lock(mutex_);
    source_->late.clear();
    frozen_ = true;
}

bool OvsFollower::guards_relays() const {
    const std::scoped_lock lock(mutex_);
    const auto relay = cookie_of(move_, FlowKind::relay);
    return std::ranges::any_of(source_->guarded,
                               [&](const auto& entry) { return entry.second.cookie == relay; });
}

OvsFollower::Corrected OvsFollower::corrected() const {
    const std::scoped_lock lock(mutex_);
    return {source_->corrections, destination_->corrections};
}

}  // namespace vmigrate::handover
