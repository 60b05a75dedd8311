// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/relay.h"

#include <algorithm>

#include "netflow/detour.h"
#include "netflow/guest_flows.h"

namespace vmigrate::netflow {
namespace {

/// Tunnels carry 24 bits of it, at most 32.
constexpr TunnelId tunnel_id_mask{0x7fffffffffffffff};
constexpr Mac mac_mask{{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// Whether the address with its group bit set is a group that is in use.
bool twin_is_in_use(Mac mac) {
    const auto& o = mac.octets;
    const bool ipv6 = o[0] == 0x32 && o[1] == 0x33;
    const bool ipv4 = o[0] == 0 && o[1] == 0 && o[2] == 0x5e;
    const bool ieee = o[0] == 0 && o[1] == 0x80 && o[2] == 0xc2;
    return ipv6 || ipv4 || ieee ||
           o == std::array<std::uint8_t, 6>{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
}

Flow redirect(const Move& move, RelayTimes times) {
    Flow flow;
    flow.priority = move.relay_priority;
    flow.cookie = cookie_of(move, FlowKind::redirect);
    flow.hard_timeout = times.hard;
    return flow;
}

Flow tunnel_redirect(const Move& move, const GuestNic& nic, RelayTimes times) {
    auto flow = redirect(move, times);
    flow.match.set(field::in_port, move.source.tunnel);
    if (nic.vni) {
        flow.match.set(field::tunnel_id, *nic.vni);
    }
    flow.match.set(field::eth_dst, nic.mac);
    flow.match = loosened(flow.match);
    flow.instructions = Instructions::apply(
        Actions().set_field(field::tun_dst, move.destination.address).output(Port::in_port));
    return flow;
}

/// What brings a packet from the source to the destination, by where the packet came from.
Actions way_over(const Move& move, const GuestNic& nic, std::optional<Port> in_port) {
    Actions actions;
    if (in_port == move.source.tunnel) {
        return actions.set_field(field::tun_dst, move.destination.address).output(Port::in_port);
    }
    if (nic.vni) {
        actions.set_field(field::tunnel_id, *nic.vni);
    }
    actions.set_field(field::tun_dst, move.destination.address);
    if (!in_port) {
        // from the tunnel back into it: only with another in_port does a switch send it there
        actions.load(field::in_port_of10, std::uint16_t{0});
    }
    return actions.output(move.source.tunnel);
}

Instructions sent_over(const Flow& serving, const Move& move, const GuestNic& nic) {
    Detour detour;
    detour.tunnel = move.source.tunnel;
    const auto in_port = serving.match.get(field::in_port);
    detour.local = [&](Port port) {
        return port == nic.at_source ? std::optional(way_over(move, nic, in_port)) : std::nullopt;
    };
    return detoured(serving.instructions, detour);
}

/// The redirect of what comes by the tunnel catches it, too.
bool covered_by_tunnel(const Flow& serving, const Move& move, const GuestNic& nic) {
    const auto id = serving.match.get(field::tunnel_id);
    return serving.match.get(field::in_port) == move.source.tunnel &&
           serving.match.get(field::eth_dst) == nic.mac && (!id || !nic.vni || id == nic.vni);
}

std::string why_not(const Flow& serving, const GuestNic& nic, const Move& move) {
    const auto outputs = outputs_of(serving.instructions);
    if (outputs.hidden || outputs.nested) {
        return "it cannot be rewritten";
    }
    if (serving.match.get(field::in_port) != move.source.tunnel && !nic.vni) {
        return "the guest's VNI is not known";
    }
    return "";
}

std::string said(const Flow& flow, const std::string& why) {
    return "not redirected: " + format(flow.match) + ": " + why;
}

std::string too_high(const Flow& flow, const Move& move) {
    return "its priority " + std::to_string(flow.priority) + " is not below " +
           std::to_string(move.relay_priority);
}

/// To the guest first, then over.
Instructions mirrored(const Flow& serving, const Move& move, const GuestNic& nic) {
    Detour detour;
    detour.tunnel = move.source.tunnel;
    const auto in_port = serving.match.get(field::in_port);
    detour.local = [&](Port port) {
        return port == nic.at_source
                   ? std::optional(Actions().output(port).append(way_over(move, nic, in_port)))
                   : std::nullopt;
    };
    return detoured(serving.instructions, detour);
}

void redirect_one(const Flow& flow, const Move& move, RelayTimes times, Redirects& result) {
    const auto [role, nic] = classify(flow, move);
    if (role != FlowRole::serving) {
        return;
    }
    if (flow.priority >= move.relay_priority) {
        result.uncovered.push_back(said(flow, too_high(flow, move)));
        return;
    }
    if (covered_by_tunnel(flow, move, *nic)) {
        return;
    }
    if (const auto why = why_not(flow, *nic, move); !why.empty()) {
        result.uncovered.push_back(said(flow, why));
        return;
    }
    auto one = redirect(move, times);
    one.table = flow.table;
    one.match = loosened(flow.match);
    one.instructions = sent_over(flow, move, *nic);
    const auto same = [&](const Flow& other) { return FlowKey::of(other) == FlowKey::of(one); };
    if (std::ranges::none_of(result.flows, same)) {
        result.flows.push_back(std::move(one));
    }
}

/// Addresses, other than MAC addresses, may be used in other networks, too.
bool is_in_network(const Flow& flow, const GuestNic& nic) {
    auto ids = outputs_of(flow.instructions).tunnel_ids;
    if (const auto id = flow.match.find(field::tunnel_id.id)) {
        ids.push_back(field_value<TunnelId>(id->value));
    }
    return nic.vni && !ids.empty() &&
           std::ranges::all_of(ids, [&](TunnelId id) { return id == nic.vni; });
}

/// Of whoever wrote the flow.
const GuestNic* receiver(const Flow& flow, const Move& move) {
    const auto* nic = receiver_of(flow.match, move);
    const bool by_mac = nic != nullptr && flow.match.get(field::eth_dst) == nic->mac;
    return nic != nullptr && (by_mac || is_in_network(flow, *nic)) ? nic : nullptr;
}

/// Flows that are held for their controller are its own in all but the cookie.
bool for_guest(const Flow& flow, const Move& move) {
    const auto own = OwnCookie::decode(flow.cookie);
    return receiver(flow, move) != nullptr && (!own || own->kind == FlowKind::replaced);
}

bool was_at(const Move& move, Ipv4 end) {
    return end == move.source.address || std::ranges::find(move.former, end) != move.former.end();
}

bool sends_where_it_was(const Outputs& outputs, const Move& move) {
    return std::ranges::any_of(outputs.tunnel_ends, [&](Ipv4 end) { return was_at(move, end); });
}

}  // namespace

Match loosened(Match match) {
    if (const auto id = match.get(field::tunnel_id)) {
        match.set(field::tunnel_id, *id, tunnel_id_mask);
    }
    const auto mac = match.get(field::eth_dst);
    if (mac && (mac->octets[0] & 1U) == 0 && !twin_is_in_use(*mac)) {
        match.set(field::eth_dst, *mac, mac_mask);
    }
    return match;
}

std::optional<Flow> not_below_relays(const FlowList& flows, const Move& move) {
    const auto found = std::ranges::find_if(flows, [&](const Flow& flow) {
        if (flow.priority < move.relay_priority) {
            return false;
        }
        const auto [role, nic] = classify(flow, move);
        const auto in_port = flow.match.get(field::in_port);
        // what comes by the tunnel is caught in the first table
        const bool first = flow.table == TableId{0};
        return (role == FlowRole::serving && (first || !covered_by_tunnel(flow, move, *nic))) ||
               (role == FlowRole::aimed && first && (!in_port || in_port == move.source.tunnel));
    });
    return found != flows.end() ? std::optional(*found) : std::nullopt;
}

Redirects redirects_for(const FlowList& flows, const Move& move, RelayTimes times) {
    Redirects result;
    for (const auto& nic : move.nics) {
        result.flows.push_back(tunnel_redirect(move, nic, times));
    }
    for (const auto& flow : flows) {
        redirect_one(flow, move, times, result);
    }
    return result;
}

Redirects mirrors_for(const FlowList& flows, const Move& move, RelayTimes times) {
    Redirects result;
    for (const auto& flow : flows) {
        const auto [role, nic] = classify(flow, move);
        if (role != FlowRole::serving) {
            continue;
        }
        const auto why =
            flow.priority >= move.relay_priority ? too_high(flow, move) : why_not(flow, *nic, move);
        if (!why.empty()) {
            result.uncovered.push_back("not mirrored: " + format(flow.match) + ": " + why);
            continue;
        }
        Flow one;
        one.table = flow.table;
        one.priority = move.relay_priority;
        one.cookie = cookie_of(move, FlowKind::mirror);
        one.match = loosened(flow.match);
        one.instructions = mirrored(flow, move, *nic);
        one.hard_timeout = times.mirror;
        result.flows.push_back(std::move(one));
    }
    return result;
}

Flow as_relay(Flow redirect, const Move& move, RelayTimes times) {
    redirect.cookie = cookie_of(move, FlowKind::relay);
    redirect.hard_timeout = seconds(0);
    redirect.idle_timeout = times.idle;
    redirect.flags = flow_flag::send_removed;
    return redirect;
}

std::optional<Flow> watched(const Flow& relay, const Move& move, std::uint16_t controller) {
    constexpr seconds at_most{5};  // whoever watches may die
    const auto applied = relay.instructions.applied();
    if (Instructions::apply(applied) != relay.instructions) {
        return std::nullopt;
    }
    auto watch = relay;
    watch.priority = static_cast<std::uint16_t>(move.relay_priority + 1);
    watch.cookie = cookie_of(move, FlowKind::watch);
    watch.instructions = Instructions::apply(Actions().tell(controller).append(applied));
    watch.idle_timeout = seconds(0);
    watch.hard_timeout = at_most;
    watch.flags = 0;
    return watch;
}

bool relays_guest(const Flow& flow, const Move& move) {
    const auto own = OwnCookie::decode(flow.cookie);
    if (!own || (own->kind != FlowKind::relay && own->kind != FlowKind::redirect)) {
        return false;
    }
    if (receiver(flow, move) != nullptr) {
        return true;
    }
    return std::ranges::any_of(move.nics, [&](const GuestNic& nic) {
        const auto exact = Match().set(field::eth_dst, nic.mac);
        const auto to = flow.match.find(field::eth_dst.id);
        const auto wanted = exact.find(field::eth_dst.id);
        const auto open = loosened(exact);
        return to && (std::ranges::equal(to->whole, wanted->whole) ||
                      std::ranges::equal(to->whole, open.find(field::eth_dst.id)->whole));
    });
}

Flow loop_guard(const Move& move, const GuestNic& nic) {
    Flow flow;
    flow.priority = static_cast<std::uint16_t>(move.relay_priority + 2);
    flow.cookie = cookie_of(move, FlowKind::guard);
    flow.match.set(field::in_port, move.source.tunnel)
        .set(field::tun_src, move.destination.address);
    if (nic.vni) {
        flow.match.set(field::tunnel_id, *nic.vni);
    }
    flow.match.set(field::eth_dst, nic.mac);
    flow.match = loosened(flow.match);
    return flow;
}

std::optional<Flow> replaced_at_peer(const Flow& flow, const Move& move) {
    if (!for_guest(flow, move) || !sends_where_it_was(outputs_of(flow.instructions), move)) {
        return std::nullopt;
    }
    auto changed = flow;
    changed.instructions.rewrite(
        {{}, [&](Ipv4 end) { return was_at(move, end) ? move.destination.address : end; }});
    return changed;
}

std::optional<Flow> replaced_at_destination(const Flow& flow, const Move& move) {
    const auto outputs = outputs_of(flow.instructions);
    if (!for_guest(flow, move) || !sends_where_it_was(outputs, move) || outputs.hidden ||
        outputs.nested) {
        return std::nullopt;
    }
    const auto* nic = receiver(flow, move);
    Detour detour;
    detour.tunnel = move.destination.tunnel;
    detour.tunnelled = [&](Ipv4 end) {
        return was_at(move, end) ? std::optional(Actions().output(nic->at_destination))
                                 : std::nullopt;
    };
    auto changed = flow;
    changed.instructions = detoured(flow.instructions, detour);
    return changed;
}

std::optional<Flow> replaced_at_source(const Flow& flow, const Move& move) {
    const auto [role, nic] = classify(flow, move);
    const auto in_port = flow.match.get(field::in_port);
    if (!in_port || *in_port == move.source.tunnel) {
        return std::nullopt;
    }
    if (role != FlowRole::serving) {
        return replaced_at_peer(flow, move);
    }
    if (!why_not(flow, *nic, move).empty()) {
        return std::nullopt;
    }
    auto changed = flow;
    changed.instructions = sent_over(flow, move, *nic);
    return changed;
}

}  // namespace vmigrate::netflow
