// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/choreography.h"

#include <algorithm>
#include <unordered_set>

#include "netflow/guest_flows.h"

namespace vmigrate::netflow {
namespace {

void put(std::vector<Step>& steps, Step step) {
    if (!step.changes.empty()) {
        steps.push_back(std::move(step));
    }
}

std::vector<FlowMod> added(const FlowList& flows) {
    std::vector<FlowMod> changes;
    for (const auto& flow : flows) {
        changes.push_back(FlowMod::add(flow));
    }
    return changes;
}

/// What the source has already is its own matter.
std::vector<HandedOver> ways_back(const Scene& scene) {
    std::vector<HandedOver> result;
    std::unordered_set<FlowKey, FlowKeyHash> taken;
    for (const auto& flow : scene.source) {
        taken.insert(FlowKey::of(flow));
    }
    for (const auto& flow : scene.source) {
        auto back = way_back(flow, scene.move);
        if (back && taken.insert(FlowKey::of(*back)).second) {
            result.push_back({std::move(*back), flow});
        }
    }
    return result;
}

template <class Replace>
std::vector<FlowMod> replaced(const FlowList& flows, const Move& move, Replace replace) {
    std::vector<FlowMod> changes;
    for (const auto& flow : flows) {
        if (auto changed = replace(flow, move)) {
            changes.push_back(FlowMod::modify_strict(std::move(*changed)));
        }
    }
    return changes;
}

/// The sender's own flow does it now; the redirect, above it, would go on for ever.
bool is_replaced(const Flow& redirect, const std::vector<FlowMod>& changes) {
    return std::ranges::any_of(changes, [&](const FlowMod& change) {
        return change.flow.table == redirect.table && loosened(change.flow.match) == redirect.match;
    });
}

FlowMod remove_kind(const Move& move, FlowKind kind) {
    return FlowMod::remove_all(CookieFilter::exactly(cookie_of(move, kind)));
}

std::vector<FlowMod> original_cookies(const std::vector<HandedOver>& handed) {
    std::vector<FlowMod> changes;
    for (const auto& [copy, original] : handed) {
        auto flow = copy;
        // a copy of a copy, which an earlier move left: whose it was is not known
        flow.cookie = OwnCookie::decode(original.cookie) ? Cookie{} : original.cookie;
        flow.idle_timeout = original.idle_timeout;
        flow.hard_timeout = original.hard_timeout;
        flow.flags = original.flags;
        changes.push_back(FlowMod::add(std::move(flow)));
    }
    return changes;
}

/// Not all of them have the key of a redirect or a relay.
std::vector<FlowMod> end_of_mirror(const Scene& scene) {
    return scene.mirrored ? std::vector{remove_kind(scene.move, FlowKind::mirror)}
                          : std::vector<FlowMod>{};
}

}  // namespace

Cutover cutover(const Scene& scene) {
    const auto& move = scene.move;
    Cutover result;
    std::unordered_set<FlowKey, FlowKeyHash> known;
    for (const auto& flow : scene.destination) {
        if (relays_guest(flow, move) && known.insert(FlowKey::of(flow)).second) {
            result.destination_relays.push_back(flow);
        }
    }
    auto redirects = redirects_for(scene.source, move, scene.times);
    result.uncovered = std::move(redirects.uncovered);
    result.redirects = std::move(redirects.flows);

    std::vector<FlowMod> clear;
    for (const auto& relay : result.destination_relays) {
        // whoever guards it sees in its cookie that it is not his any more
        auto taken = relay;
        taken.cookie = cookie_of(move, FlowKind::redirect);
        clear.push_back(FlowMod::add(std::move(taken)));
        clear.push_back(FlowMod::remove_strict(FlowKey::of(relay)));
    }
    put(result.steps, {"clear relays", move.destination.name, std::move(clear), Step::Duty::undo});
    result.ways_back = ways_back(scene);
    auto changes = end_of_mirror(scene);
    for (const auto& way : result.ways_back) {
        changes.push_back(FlowMod::add(way.copy));
    }
    std::ranges::move(added(result.redirects), std::back_inserter(changes));
    put(result.steps, {"redirect", move.source.name, std::move(changes), Step::Duty::undo});

    put(result.withdraw, {"withdraw",
                          move.source.name,
                          {remove_kind(move, FlowKind::redirect)},
                          Step::Duty::report});
    put(result.withdraw, {"restore relays", move.destination.name, added(result.destination_relays),
                          Step::Duty::report});
    return result;
}

Mirror mirror(const Scene& scene) {
    const auto& move = scene.move;
    const auto relayed =
        std::ranges::any_of(scene.destination, [&](auto& it) { return relays_guest(it, move); });
    if (relayed) {
        return {{}, {"not mirrored: a relay of an earlier move is still on the destination"}};
    }
    auto [flows, uncovered] = mirrors_for(scene.source, move, scene.times);
    Mirror result{{}, std::move(uncovered)};
    put(result.steps, {"mirror", move.source.name, added(flows), Step::Duty::undo});
    return result;
}

Step unmirror(const Move& move) {
    return {
        "unmirror", move.source.name, {remove_kind(move, FlowKind::mirror)}, Step::Duty::report};
}

std::vector<Step> commit(const Scene& scene, const FlowList& redirects, bool may_loop) {
    const auto& move = scene.move;
    auto relays = end_of_mirror(scene);
    if (may_loop) {
        for (const auto& nic : move.nics) {
            relays.push_back(FlowMod::add(loop_guard(move, nic)));
        }
    }
    auto at_source = replaced(scene.source, move, replaced_at_source);
    for (const auto& redirect : redirects) {
        relays.push_back(is_replaced(redirect, at_source)
                             ? FlowMod::remove_strict(FlowKey::of(redirect))
                             : FlowMod::add(as_relay(redirect, move, scene.times)));
    }
    // after a relay: who follows the source is told by it that the guest has gone
    std::ranges::move(at_source, std::back_inserter(relays));
    std::vector<Step> steps;
    put(steps, {"relay", move.source.name, std::move(relays), Step::Duty::report});
    put(steps, {"replace", move.destination.name,
                replaced(scene.destination, move, replaced_at_destination), Step::Duty::report});
    return steps;
}

Step replace_at_peer(const std::string& peer, const FlowList& flows, const Move& move) {
    return {"replace", peer, replaced(flows, move, replaced_at_peer), Step::Duty::report};
}

std::vector<Step> finish(const Move& move, const std::vector<HandedOver>& at_destination,
                         const std::vector<HandedOver>& at_source, Relays relays) {
    const auto ours = FlowMod::remove_all(flows_of(move.migration));
    auto destination = original_cookies(at_destination);
    destination.push_back(ours);
    auto source = original_cookies(at_source);
    if (relays == Relays::go) {
        source.push_back(ours);
    } else {
        source.push_back(remove_kind(move, FlowKind::synced));
        source.push_back(remove_kind(move, FlowKind::guard));
    }
    return {
        {"hand over", move.destination.name, std::move(destination), Step::Duty::report, true},
        {"hand over", move.source.name, std::move(source), Step::Duty::report, true},
    };
}

std::vector<Step> rollback(const Move& move, const FlowList& destination_relays) {
    const auto ours = FlowMod::remove_all(flows_of(move.migration));
    // the source first: it runs the guest
    std::vector<Step> steps{{"rollback", move.source.name, {ours}, Step::Duty::report}};
    auto destination = added(destination_relays);
    destination.insert(destination.begin(), ours);
    steps.push_back(
        {"rollback", move.destination.name, std::move(destination), Step::Duty::report});
    return steps;
}

std::string format(const Step& step) {
    auto text = step.name + " at " + step.at +
                (step.duty == Step::Duty::undo ? ", or undo" : ", or report");
    for (const auto& change : step.changes) {
        text += "\n  " + format(change);
    }
    return text + "\n";
}

}  // namespace vmigrate::netflow
