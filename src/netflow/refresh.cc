// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/refresh.h"

#include <fmt/format.h>

#include <algorithm>

#include "netflow/detour.h"
#include "netflow/relay.h"

namespace vmigrate::netflow {
namespace {

/// Held flows go by themselves: nobody may be there to give them back.
constexpr seconds longest_hold{60};
/// Who deletes or spoils a flow more often than this has his way.
constexpr unsigned most_restores = 20;

Flow as_held(Flow flow, const Move& move) {
    flow.cookie = cookie_of(move, FlowKind::replaced);
    flow.hard_timeout = longest_hold;
    flow.flags = 0;
    return flow;
}

FlowMod remove_held(const Flow& flow) {
    auto removal = FlowMod::remove_strict(FlowKey::of(flow));
    removal.cookies = CookieFilter::exactly(flow.cookie);
    return removal;
}

bool same_field(const Match& a, const Match& b, FieldId id) {
    const auto of_a = a.find(id);
    const auto of_b = b.find(id);
    return of_a && of_b ? std::ranges::equal(of_a->whole, of_b->whole) : !of_a && !of_b;
}

}  // namespace

void Refresh::Work::append(Work more) {
    std::ranges::move(more.changes, std::back_inserter(changes));
    std::ranges::move(more.questions, std::back_inserter(questions));
}

bool Refresh::leads_to_guest(const Flow& flow) const {
    const auto to = flow.match.get(field::eth_dst);
    const auto* nic = to ? nic_with(move_, *to) : nullptr;
    const auto own = OwnCookie::decode(flow.cookie);
    if (nic == nullptr ||
        (own && own->kind != FlowKind::synced && own->kind != FlowKind::replaced)) {
        return false;
    }
    const auto outputs = outputs_of(flow.instructions);
    return role_ == Role::destination
               ? std::ranges::find(outputs.ports, nic->at_destination) != outputs.ports.end()
               : std::ranges::find(outputs.tunnel_ends, move_.destination.address) !=
                     outputs.tunnel_ends.end();
}

std::optional<Flow> Refresh::put_right(const Flow& flow) const {
    switch (role_) {
        case Role::source:
            return replaced_at_source(flow, move_);
        case Role::destination:
            return replaced_at_destination(flow, move_);
        case Role::peer:
            break;
    }
    return replaced_at_peer(flow, move_);
}

Refresh::Work Refresh::begin(const FlowList& flows) {
    Work work;
    for (const auto& flow : flows) {
        const auto key = FlowKey::of(flow);
        if (!leads_to_guest(flow) || held_.contains(key)) {
            continue;
        }
        Held held{flow, flow};
        held.copy = OwnCookie::decode(flow.cookie).has_value();
        held.seen = held.copy;
        if (!held.copy) {
            held.flow = as_held(flow, move_);
            work.changes.push_back(FlowMod::add(held.flow));
        }
        held_.emplace(key, std::move(held));
        order_.push_back(key);
    }
    return work;
}

Refresh::Work Refresh::take(const FlowChange& change) {
    using Kind = FlowChange::Kind;
    if (change.kind == Kind::lost || change.kind == Kind::synchronized) {
        return {};
    }
    const auto key = FlowKey::of(change.flow);
    const auto found = held_.find(key);
    if (found == held_.end()) {
        return change.kind == Kind::removed ? Work{} : appeared(change.flow);
    }
    auto& held = found->second;
    const bool is_ours = change.flow.cookie == held.flow.cookie;
    held.seen = held.seen || is_ours;
    if (!held.seen) {
        return {};
    }
    if (change.kind == Kind::removed) {
        return removed(key, held, change);
    }
    if (is_ours) {
        // as we wrote it, or as a later move of the guest has changed it
        held.flow.instructions = change.flow.instructions;
        held.replaced = false;
        return {};
    }
    return answered(held, change.flow);
}

Refresh::Work Refresh::removed(const FlowKey& key, Held& held, const FlowChange& change) {
    if (change.reason == RemovedReason::idle || change.reason == RemovedReason::hard) {
        held_.erase(key);
        return {};
    }
    controller_knows_ = true;
    held.replaced = false;
    held.served = false;
    held.deleted = true;
    auto work = restored(held);
    if (!work.changes.empty()) {
        work.questions.push_back(shown_to_controller(key.match));
    }
    return work;
}

Refresh::Work Refresh::restored(Held& held) {
    Work work;
    if (held.restored < most_restores) {
        ++held.restored;
        work.changes.push_back(FlowMod::add(held.flow));
    }
    return work;
}

Refresh::Work Refresh::answered(Held& held, const Flow& flow) {
    if (put_right(flow)) {
        ++wrong_;
        return restored(held);
    }
    controller_knows_ = true;
    held.replaced = true;
    return {};
}

Refresh::Work Refresh::appeared(const Flow& flow) {
    Work work;
    if (OwnCookie::decode(flow.cookie)) {
        return work;
    }
    if (auto right = put_right(flow)) {
        if (wrong_++ < most_restores) {
            work.changes.push_back(FlowMod::modify_strict(std::move(*right)));
        }
    } else if (leads_to_guest(flow)) {
        controller_knows_ = true;
        for (auto& [key, held] : held_) {
            if (same_field(key.match, flow.match, field::in_port.id) &&
                same_field(key.match, flow.match, field::eth_dst.id)) {
                held.served = true;
            }
        }
    }
    return work;
}

Refresh::Work Refresh::ask(std::size_t most) {
    Work work;
    for (std::size_t i = 0; i < order_.size() && work.questions.size() < most; ++i) {
        next_ = (next_ + 1) % order_.size();
        const auto found = held_.find(order_[next_]);
        if (found != held_.end() && !found->second.is_made()) {
            work.questions.push_back(shown_to_controller(found->first.match));
        }
    }
    return work;
}

Refresh::Work Refresh::end() {
    Work work;
    for (const auto& key : order_) {
        const auto found = held_.find(key);
        if (found == held_.end() || found->second.replaced || found->second.copy) {
            continue;
        }
        const auto& held = found->second;
        if (held.deleted) {
            work.changes.push_back(remove_held(held.flow));
            continue;
        }
        auto flow = held.original;
        flow.instructions = held.flow.instructions;
        flow.flags = held.original.flags & flow_flag::send_removed;
        work.changes.push_back(FlowMod::add(std::move(flow)));
    }
    return work;
}

std::size_t Refresh::waiting() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(held_, [](const auto& one) { return !one.second.is_made(); }));
}

std::string Refresh::problem() const {
    const auto left = waiting();
    if (left == 0) {
        return "";
    }
    return fmt::format("the controller has not made {} to the guest anew{}",
                       left == 1 ? "one flow" : fmt::format("{} flows", left),
                       wrong_ > 0 ? ", and takes it to be where it was" : "");
}

}  // namespace vmigrate::netflow
