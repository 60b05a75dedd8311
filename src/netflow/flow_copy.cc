// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/flow_copy.h"

namespace vmigrate::netflow {

using Event = FlowUpdate::Event;

std::optional<FlowChange> FlowCopy::apply(FlowUpdate update) {
    switch (update.event) {
        case Event::initial:
        case Event::added:
        case Event::modified:
            return put(std::move(update.flow));
        case Event::removed:
            return drop(update.flow, update.reason);
        case Event::abbreviated:
        case Event::paused:
        case Event::resumed:
            break;
    }
    return std::nullopt;
}

std::optional<FlowChange> FlowCopy::put(Flow flow) {
    const auto key = FlowKey::of(flow);
    unseen_.erase(key);
    const auto [place, is_new] = flows_.try_emplace(key, flow);
    if (is_new) {
        return FlowChange{FlowChange::Kind::added, std::move(flow), {}};
    }
    if (place->second == flow) {
        return std::nullopt;
    }
    place->second = flow;
    return FlowChange{FlowChange::Kind::modified, std::move(flow), {}};
}

std::optional<FlowChange> FlowCopy::drop(const Flow& flow, RemovedReason reason) {
    const auto place = flows_.find(FlowKey::of(flow));
    if (place == flows_.end()) {
        return std::nullopt;
    }
    unseen_.erase(place->first);
    FlowChange change{FlowChange::Kind::removed, std::move(place->second), reason};
    flows_.erase(place);
    return change;
}

void FlowCopy::begin_dump() {
    for (const auto& [key, flow] : flows_) {
        unseen_.insert(key);
    }
}

std::vector<FlowChange> FlowCopy::end_dump() {
    std::vector<FlowChange> changes;
    for (const auto& key : unseen_) {
        const auto place = flows_.find(key);
        changes.push_back({FlowChange::Kind::removed, std::move(place->second), {}});
        flows_.erase(place);
    }
    unseen_.clear();
    return changes;
}

}  // namespace vmigrate::netflow
