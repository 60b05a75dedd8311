// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/guest_flows.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "netflow/detour.h"

namespace vmigrate::netflow {
namespace {

/// Stands for a port that is known by its number on the destination only. No port has it.
constexpr Port neighbour_mark{0xfffffef0};

bool contains(const std::vector<Port>& ports, Port port) {
    return std::ranges::find(ports, port) != ports.end();
}

const GuestNic* nic_at(const Move& move, Port port) {
    const auto found = std::ranges::find(move.nics, port, &GuestNic::at_source);
    return found != move.nics.end() ? &*found : nullptr;
}

/// Copies, and flows that are held for their controller, are flows of the guest like any other.
bool is_own(const Flow& flow) {
    const auto own = OwnCookie::decode(flow.cookie);
    return own && own->kind != FlowKind::synced && own->kind != FlowKind::replaced;
}

bool is_group(Mac mac) {
    return (mac.octets[0] & 1U) != 0;
}

bool is_group(const Octets& address) {
    constexpr std::uint8_t first_of_ipv4 = 224;
    return address.size() == 4 ? address[0] >= first_of_ipv4 : address[0] == 0xff;
}

template <class T>
void add_address(const Match& match, Field<T> field, std::vector<Octets>& to) {
    if (const auto value = match.get(field)) {
        const auto octets = field_octets(*value);
        if (Octets address(octets.begin(), octets.end()); !is_group(address)) {
            to.push_back(std::move(address));
        }
    }
}

/// Where the packets go that it catches; what it looks for, when they ask for that.
std::vector<Octets> addresses_in(const Match& match) {
    std::vector<Octets> found;
    add_address(match, field::ipv4_dst, found);
    add_address(match, field::arp_tpa, found);
    add_address(match, field::ipv6_dst, found);
    add_address(match, field::nd_target, found);
    return found;
}

const GuestNic* nic_with_one(const Move& move, const std::vector<Octets>& addresses) {
    for (const auto& nic : move.nics) {
        for (const auto& one : addresses) {
            if (std::ranges::find(nic.addresses, one) != nic.addresses.end()) {
                return &nic;
            }
        }
    }
    return nullptr;
}

const GuestNic* sender(const Flow& flow, const Move& move) {
    if (const auto in_port = flow.match.get(field::in_port)) {
        return nic_at(move, *in_port);
    }
    const auto source = flow.match.get(field::eth_src);
    return source ? nic_with(move, *source) : nullptr;
}

/// Reserved ports mean the same on every bridge, the tunnel is looked at by its ends.
bool names_stranger(const Outputs& outputs, const Move& move, Port guest) {
    return std::ranges::any_of(outputs.ports, [&](Port port) {
        return port != guest && is_local(port, move.source.tunnel);
    });
}

Flow bare_copy(const Flow& flow, const Move& move) {
    Flow copy;
    copy.table = flow.table;
    copy.priority = flow.priority;
    copy.cookie = cookie_of(move, FlowKind::synced);
    copy.match = flow.match;
    copy.instructions = flow.instructions;
    return copy;
}

/// `neighbour` is a port of the destination already, and must not be taken for one of the source.
void renumber(Flow& flow, const Move& move, const GuestNic& nic, Port neighbour = {}) {
    const auto number = [&](Port port) {
        if (port == nic.at_source) {
            return nic.at_destination;
        }
        if (port == move.source.tunnel) {
            return move.destination.tunnel;
        }
        return port == neighbour_mark ? neighbour : port;
    };
    flow.instructions.rewrite({number, {}});
}

Copied copy_of_incoming(const Flow& flow, const Move& move, const GuestNic& nic) {
    const auto outputs = outputs_of(flow.instructions);
    if (!outputs.tunnel_ends.empty()) {
        return {};  // it looks for the guest where it was before; the source's matter
    }
    if (outputs.hidden || names_stranger(outputs, move, nic.at_source)) {
        return {{}, "it sends packets where the destination has no such port"};
    }
    auto copy = bare_copy(flow, move);
    const auto in_port = flow.match.get(field::in_port);
    copy.match.set(field::in_port, move.destination.tunnel);
    if (in_port && *in_port != move.source.tunnel && nic.vni) {
        copy.match.set(field::tunnel_id, *nic.vni);
    }
    renumber(copy, move, nic);
    return {std::move(copy), ""};
}

Copied copy_of_sent(const Flow& flow, const Move& move, const GuestNic& nic,
                    const Surroundings& there) {
    const auto outputs = outputs_of(flow.instructions);
    const bool strangers = names_stranger(outputs, move, nic.at_source);
    const bool comes_home = std::ranges::find(outputs.tunnel_ends, move.destination.address) !=
                            outputs.tunnel_ends.end();
    if ((strangers || comes_home) && (outputs.hidden || outputs.nested)) {
        return {{}, "it sends packets to a local port in a way that cannot be rewritten"};
    }
    if (strangers && !nic.vni) {
        return {{}, "it sends packets to a local port, and the guest's VNI is not known"};
    }
    std::optional<Port> neighbour;
    if (comes_home) {
        const auto to = flow.match.get(field::eth_dst);
        neighbour = to ? there.port_of(*to) : std::nullopt;
        if (!neighbour) {
            return {{}, "it sends packets to the destination, whose port for them is not known"};
        }
    }
    auto copy = bare_copy(flow, move);
    copy.match.set(field::in_port, nic.at_destination);
    Detour detour;
    detour.tunnel = move.source.tunnel;
    detour.local = [&](Port port) -> std::optional<Actions> {
        if (port == nic.at_source || !is_local(port, move.source.tunnel)) {
            return std::nullopt;
        }
        return Actions()
            .set_field(field::tunnel_id, *nic.vni)
            .set_field(field::tun_dst, move.source.address)
            .output(move.source.tunnel);
    };
    detour.tunnelled = [&](Ipv4 end) {
        return end == move.destination.address ? std::optional(Actions().output(neighbour_mark))
                                               : std::nullopt;
    };
    copy.instructions = detoured(copy.instructions, detour);
    renumber(copy, move, nic, neighbour.value_or(Port{}));
    return {std::move(copy), ""};
}

std::optional<TunnelId> only_one(const std::set<TunnelId>& ids) {
    return ids.size() == 1 ? std::optional(*ids.begin()) : std::nullopt;
}

}  // namespace

Cookie cookie_of(const Move& move, FlowKind kind) {
    return OwnCookie{kind, move.migration, move.version}.encode().value_or(Cookie{});
}

const GuestNic* nic_with(const Move& move, Mac mac) {
    const auto found = std::ranges::find(move.nics, mac, &GuestNic::mac);
    return found != move.nics.end() ? &*found : nullptr;
}

const GuestNic* receiver_of(const Match& match, const Move& move) {
    const auto to = match.get(field::eth_dst);
    return to && !is_group(*to) ? nic_with(move, *to) : nic_with_one(move, addresses_in(match));
}

void learn_addresses(Move& move, const FlowList& flows) {
    for (const auto& flow : flows) {
        const auto [role, nic] = classify(flow, move);
        const auto to = flow.match.get(field::eth_dst);
        if (role != FlowRole::serving || (to && !is_group(*to))) {
            continue;
        }
        auto& known = move.nics[static_cast<std::size_t>(nic - move.nics.data())].addresses;
        for (auto& address : addresses_in(flow.match)) {
            if (std::ranges::find(known, address) == known.end()) {
                known.push_back(std::move(address));
            }
        }
    }
}

std::vector<FlowFilter> sent_to(const GuestNic& nic) {
    constexpr std::uint16_t ipv4 = 0x0800;
    constexpr std::uint16_t arp = 0x0806;
    constexpr std::uint16_t ipv6 = 0x86dd;
    constexpr std::uint8_t icmpv6 = 58;
    constexpr std::uint8_t solicitation = 135;
    std::vector<FlowFilter> filters(1);
    filters.front().match.set(field::eth_dst, nic.mac);
    const auto add = [&](Match match) { filters.emplace_back().match = std::move(match); };
    for (const auto& address : nic.addresses) {
        if (address.size() == 4) {
            const auto value = field_value<Ipv4>(address);
            add(Match().set(field::eth_type, ipv4).set(field::ipv4_dst, value));
            add(Match().set(field::eth_type, arp).set(field::arp_tpa, value));
        } else {
            const auto value = field_value<Ipv6>(address);
            const auto any = Match().set(field::eth_type, ipv6);
            add(Match(any).set(field::ipv6_dst, value));
            add(Match(any)
                    .set(field::ip_proto, icmpv6)
                    .set(field::icmpv6_type, solicitation)
                    .set(field::nd_target, value));
        }
    }
    return filters;
}

Classified classify(const Flow& flow, const Move& move) {
    if (is_own(flow)) {
        return {FlowRole::own, nullptr};
    }
    if (const auto* nic = sender(flow, move)) {
        return {FlowRole::sent, nic};
    }
    const auto outputs = outputs_of(flow.instructions);
    for (const auto& nic : move.nics) {
        if (contains(outputs.ports, nic.at_source)) {
            const bool alone = outputs.ports.size() == 1;
            return {alone ? FlowRole::serving : FlowRole::shared, &nic};
        }
    }
    const auto to = flow.match.get(field::eth_dst);
    const auto* nic = to ? nic_with(move, *to) : nullptr;
    return nic != nullptr ? Classified{FlowRole::aimed, nic} : Classified{};
}

std::optional<Port> local_port_of(Mac mac, const FlowList& flows, Port tunnel) {
    for (const auto& flow : flows) {
        if (flow.match.get(field::eth_dst) != mac || flow.match.get(field::in_port) != tunnel ||
            is_own(flow)) {
            continue;
        }
        const auto outputs = outputs_of(flow.instructions);
        if (outputs.ports.size() == 1 && is_local(outputs.ports.front(), tunnel)) {
            return outputs.ports.front();
        }
    }
    return std::nullopt;
}

Copied copy_for_destination(const Flow& flow, const Move& move, const Surroundings& there) {
    const auto [role, nic] = classify(flow, move);
    switch (role) {
        case FlowRole::unrelated:
        case FlowRole::own:
            break;
        case FlowRole::shared:
            return {{}, "it brings packets to others, too"};
        case FlowRole::serving:
        case FlowRole::aimed:
            return copy_of_incoming(flow, move, *nic);
        case FlowRole::sent:
            return copy_of_sent(flow, move, *nic, there);
    }
    return {};
}

bool is_stale(const Flow& flow, const Surroundings& there, Port tunnel) {
    const auto is_lost = [&](Port port) { return is_local(port, tunnel) && !there.exists(port); };
    const auto from = flow.match.get(field::in_port);
    const auto outputs = outputs_of(flow.instructions);
    return (from && is_lost(*from)) || (!outputs.hidden && !outputs.ports.empty() &&
                                        std::ranges::all_of(outputs.ports, is_lost));
}

std::optional<Flow> way_back(const Flow& flow, const Move& move) {
    const auto [role, nic] = classify(flow, move);
    const auto to = flow.match.get(field::eth_dst);
    if (role != FlowRole::sent || !nic->vni || (!to && addresses_in(flow.match).empty())) {
        return std::nullopt;
    }
    const auto outputs = outputs_of(flow.instructions);
    if (outputs.hidden || outputs.ports.size() != 1 ||
        !is_local(outputs.ports.front(), move.source.tunnel)) {
        return std::nullopt;
    }
    Flow back;
    back.table = flow.table;
    back.priority = flow.priority;
    back.cookie = cookie_of(move, FlowKind::synced);
    if (to && !is_group(*to)) {
        back.match.set(field::in_port, move.source.tunnel)
            .set(field::tunnel_id, *nic->vni)
            .set(field::eth_dst, *to);
    } else {
        back.match = flow.match;
        back.match.set(field::in_port, move.source.tunnel).set(field::tunnel_id, *nic->vni);
    }
    back.instructions = Instructions::apply(Actions().output(outputs.ports.front()));
    return back;
}

std::optional<TunnelId> vni_at_home(Mac mac, const FlowList& flows, Port tunnel, Port port) {
    std::set<TunnelId> ids;
    for (const auto& flow : flows) {
        const auto in_port = flow.match.get(field::in_port);
        if (in_port == tunnel && flow.match.get(field::eth_dst) == mac) {
            if (const auto id = flow.match.get(field::tunnel_id)) {
                ids.insert(*id);
            }
        } else if (in_port == port) {
            const auto outputs = outputs_of(flow.instructions);
            ids.insert(outputs.tunnel_ids.begin(), outputs.tunnel_ids.end());
        }
    }
    return only_one(ids);
}

std::optional<TunnelId> vni_from_afar(Mac mac, const FlowList& flows) {
    std::set<TunnelId> ids;
    for (const auto& flow : flows) {
        if (flow.match.get(field::eth_dst) == mac) {
            const auto outputs = outputs_of(flow.instructions);
            ids.insert(outputs.tunnel_ids.begin(), outputs.tunnel_ids.end());
        }
    }
    return only_one(ids);
}

}  // namespace vmigrate::netflow
