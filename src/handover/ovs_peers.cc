// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: the peers of a move, and the order among moves.
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "handover/ovs.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

template <class Peers, class Ask>
auto ask_all(Peers& peers, Ask ask) {
    std::vector<std::future<decltype(ask(*peers.begin()))>> asked;
    for (auto& peer : peers) {
        asked.push_back(std::async(std::launch::async, [&peer, &ask] { return ask(peer); }));
    }
    std::vector<decltype(ask(*peers.begin()))> answers;
    for (auto& one : asked) {
        answers.push_back(one.get());
    }
    return answers;
}

Result<FlowList> all_sent_to(const GuestNic& nic, OvsBridge& bridge) {
    FlowList all;
    for (const auto& filter : sent_to(nic)) {
        auto some = bridge.flows(filter);
        if (!some) {
            return some;
        }
        std::ranges::move(*some, std::back_inserter(all));
    }
    return all;
}

/// What a later move would do there, which brought the guest to `place`.
Move followed_to(Ipv4 place, const Move& move) {
    auto later = move;
    later.former.push_back(move.source.address);
    later.former.push_back(move.destination.address);
    std::erase(later.former, place);
    later.source.address = later.former.back();
    later.destination.address = place;
    return later;
}

}  // namespace

void Ovs::find_former_places() {
    FlowFilter ours;
    ours.cookies = own_flows();
    const auto relaying = ask_all(peers_, [&](OvsBridge& peer) {
        const auto flows = peer.flows(ours).value_or(FlowList{});
        return std::ranges::any_of(flows,
                                   [this](const Flow& flow) { return relays_guest(flow, move_); });
    });
    move_.former.clear();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (relaying[i]) {
            move_.former.push_back(peers_[i].host().tunnel_address);
        }
    }
}

/// Empty, or what went wrong. A later move may have come to the peer between what was read there
/// and what was written: then it was perhaps undone, and is done again on its behalf.
std::string Ovs::replace_at(OvsBridge& peer) const {
    constexpr int later_moves = 5;
    for (const auto& nic : move_.nics) {
        const auto claimed =
            peer.claim(nic.mac, version_, OvsBridge::Lock::free, move_.destination.address);
        if (!claimed) {
            return claimed.error().message;
        }
        if (!*claimed) {
            return fmt::format("switch of {}: it knows of a later move of {}; nothing replaced",
                               peer.host().name, format(nic.mac));
        }
        auto move = move_;
        auto version = version_;
        for (int i = 0; i < later_moves; ++i) {
            const auto flows = all_sent_to(nic, peer);
            if (!flows) {
                return flows.error().message;
            }
            const auto replaced =
                peer.apply(vmigrate::netflow::replace_at_peer(peer.host().name, *flows, move));
            if (!replaced) {
                return replaced.error().message;
            }
            const auto place = peer.place(nic.mac);
            if (!place) {
                return place.error().message;
            }
            if (place->version == version || !place->address) {
                break;
            }
            version = place->version;
            move = followed_to(*place->address, move_);
        }
    }
    return "";
}

std::vector<std::string> Ovs::replace_at_peers() {
    auto problems = ask_all(peers_, [this](OvsBridge& peer) {
        auto problem = replace_at(peer);
        if (problem.empty() && refresh_) {
            refresh_->begin(peer.host().name, move_);
        }
        return problem;
    });
    std::erase(problems, "");
    return problems;
}

}  // namespace vmigrate::handover
