// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/flow_sync.h"

#include <algorithm>

namespace vmigrate::netflow {

FlowSync::FlowSync(Move move, Surroundings there, const std::vector<HandedOver>& copies)
    : move_(std::move(move)), there_(std::move(there)) {
    for (const auto& [copy, original] : copies) {
        wanted_.try_emplace(FlowKey::of(copy), Wanted{copy, original, 1});
    }
}

bool FlowSync::is_ours(const Flow& flow) const {
    return flow.cookie == cookie_of(move_, FlowKind::synced);
}

std::optional<FlowMod> FlowSync::change_for(const FlowKey& key, const Flow& copy,
                                            const FlowTable& destination) const {
    const auto found = destination.find(key);
    if (found == destination.end()) {
        return FlowMod::add(copy);
    }
    const auto& flow = found->second;
    const bool keeps = is_ours(flow) ? flow.instructions == copy.instructions
                                     : !is_stale(flow, there_, move_.destination.tunnel);
    return keeps ? std::nullopt : std::optional(FlowMod::add(copy));
}

std::vector<FlowMod> FlowSync::put(const Flow& flow, const FlowTable& destination) {
    const auto key = FlowKey::of(flow);
    auto copied = copy_for_destination(flow, move_, there_);
    if (!copied.flow) {
        auto changes = drop(key, destination);
        if (!copied.left_out.empty()) {
            left_out_[key] = copied.left_out;
        }
        return changes;
    }
    left_out_.erase(key);
    const auto copy_key = FlowKey::of(*copied.flow);
    const bool is_new = copy_of_.try_emplace(key, copy_key).second;
    auto& wanted = wanted_[copy_key];
    wanted.reasons += is_new ? 1 : 0;
    wanted.copy = std::move(*copied.flow);
    wanted.original = flow;
    std::vector<FlowMod> changes;
    if (auto change = change_for(copy_key, wanted.copy, destination)) {
        changes.push_back(std::move(*change));
    }
    return changes;
}

std::vector<FlowMod> FlowSync::drop(const FlowKey& key, const FlowTable& destination) {
    left_out_.erase(key);
    const auto known = copy_of_.find(key);
    if (known == copy_of_.end()) {
        return {};
    }
    const auto copy_key = known->second;
    copy_of_.erase(known);
    const auto wanted = wanted_.find(copy_key);
    if (wanted == wanted_.end() || --wanted->second.reasons > 0) {
        return {};
    }
    wanted_.erase(wanted);
    const auto found = destination.find(copy_key);
    // one that was asked for a moment ago may not be told yet
    if (found != destination.end() && !is_ours(found->second)) {
        return {};
    }
    auto removal = FlowMod::remove_strict(copy_key);
    removal.cookies = CookieFilter::exactly(cookie_of(move_, FlowKind::synced));
    return {removal};
}

FlowSync::Compared FlowSync::compare(const FlowTable& destination, std::size_t flows) {
    Compared result;
    if (!strays_done_) {
        strays_done_ = strays_.next(destination, flows, [&](const auto& entry) {
            const auto& [key, flow] = entry;
            if (is_ours(flow) && !wanted_.contains(key)) {
                auto removal = FlowMod::remove_strict(key);
                removal.cookies = CookieFilter::exactly(flow.cookie);
                result.changes.push_back(std::move(removal));
            }
        });
        return result;
    }
    result.round_is_over = missing_.next(wanted_, flows, [&](const auto& entry) {
        if (auto change = change_for(entry.first, entry.second.copy, destination)) {
            result.changes.push_back(std::move(*change));
        }
    });
    strays_done_ = !result.round_is_over;
    return result;
}

std::optional<FlowMod> FlowSync::missing(const FlowKey& key) const {
    const auto wanted = wanted_.find(key);
    return wanted != wanted_.end() ? std::optional(FlowMod::add(wanted->second.copy))
                                   : std::nullopt;
}

std::vector<HandedOver> FlowSync::wanted() const {
    std::vector<HandedOver> result;
    for (const auto& [key, wanted] : wanted_) {
        result.push_back({wanted.copy, wanted.original});
    }
    return result;
}

std::vector<HandedOver> FlowSync::copies(const FlowTable& destination) const {
    std::vector<HandedOver> result;
    for (const auto& [key, wanted] : wanted_) {
        const auto found = destination.find(key);
        if (found != destination.end() && is_ours(found->second)) {
            result.push_back({found->second, wanted.original});
        }
    }
    return result;
}

std::vector<std::string> FlowSync::left_out() const {
    std::vector<std::string> lines;
    for (const auto& [key, why] : left_out_) {
        lines.push_back("not copied: " + format(key.match) + ": " + why);
    }
    std::ranges::sort(lines);
    return lines;
}

}  // namespace vmigrate::netflow
