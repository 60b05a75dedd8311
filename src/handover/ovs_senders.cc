// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_senders.h"

#include "netflow/relay.h"
#include "netflow/switch.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

constexpr seconds looking{1};
constexpr int most_packets = 500;
/// Controllers have 0 where nobody gave them a number: they must not be told.
constexpr std::uint16_t our_number = 0x766d;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

Result<RelaySenders> listen(Switch& it, const Move& move) {
    RelaySenders senders;
    const auto ours = cookie_of(move, FlowKind::watch);
    const auto until = now() + looking;
    for (int packets = 0; packets < most_packets && now() < until;) {
        wait_for(it.fd(), it.events(), std::min(until, it.deadline().value_or(until)));
        if (auto alive = it.on_ready(); !alive) {
            return fail(alive.error());
        }
        while (const auto event = it.next_event()) {
            const auto* packet = std::get_if<PacketIn>(&event->message);
            if (packet == nullptr || packet->cookie != ours) {
                continue;
            }
            ++packets;
            const auto end = packet->match.get(field::tun_src);
            if (end && packet->match.get(field::in_port) == move.source.tunnel) {
                senders.by_tunnel.insert(*end);
            } else {
                senders.local = true;
            }
        }
    }
    return senders;
}

}  // namespace

Result<RelaySenders> relay_senders(const OvsHost& source, const FlowList& relays, const Move& move,
                                   milliseconds timeout) {
    std::vector<FlowMod> watches;
    for (const auto& relay : relays) {
        if (auto watch = watched(relay, move, our_number)) {
            watches.push_back(FlowMod::add(std::move(*watch)));
        }
    }
    auto it = Switch::connect(source.openflow, timeout);
    if (!it) {
        return fail(it.error());
    }
    // every reason that there is
    auto done = it->subscribe({.packet_in = 0x3f}, our_number);
    if (done) {
        done = it->change_all(watches);
    }
    if (!done) {
        return fail(done.error());
    }
    auto senders = listen(*it, move);
    const auto removed =
        it->change(FlowMod::remove_all(CookieFilter::exactly(cookie_of(move, FlowKind::watch))));
    return senders && !removed ? Result<RelaySenders>(fail(removed.error())) : senders;
}

}  // namespace vmigrate::handover
