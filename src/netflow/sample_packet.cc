// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/sample_packet.h"

namespace vmigrate::netflow {
namespace {

constexpr std::uint16_t type_vlan = 0x8100;
constexpr std::uint16_t type_ipv4 = 0x0800;
constexpr std::uint16_t type_ipv6 = 0x86dd;
constexpr std::uint16_t type_arp = 0x0806;
constexpr std::uint16_t type_of_nobody = 0x88b5;        // for local experiments, IEEE 802
constexpr Mac sender_of_nobody{{0x02, 0, 0, 0, 0, 0}};  // locally administered
constexpr std::uint16_t vlan_present = 0x1000;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t time_to_live = 64;
constexpr std::size_t shortest = 60;

template <class T>
T value_or_zero(const Match& match, Field<T> field) {
    return match.get(field).value_or(T{});
}

/// The Internet checksum of 16 bit words; an odd last octet counts as the upper half of one.
std::uint16_t checksum(OctetView data, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < data.size(); ++i) {
        sum += i % 2 == 0 ? std::uint32_t{data[i]} << 8U : data[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

/// TCP or UDP, without its checksum; empty for others.
Octets segment(const Match& match, std::uint8_t protocol) {
    Octets octets;
    Writer out(octets);
    if (protocol == protocol_tcp) {
        out.u16(value_or_zero(match, field::tcp_src));
        out.u16(value_or_zero(match, field::tcp_dst));
        out.zeros(8);
        out.u16(0x5002);  // 20 octets of header, SYN
        out.zeros(6);
    } else if (protocol == protocol_udp) {
        out.u16(value_or_zero(match, field::udp_src));
        out.u16(value_or_zero(match, field::udp_dst));
        out.u16(8);
        out.zeros(2);
    }
    return octets;
}

/// With its checksum over the addresses, too.
Octets checked_segment(const Match& match, std::uint8_t protocol, OctetView addresses) {
    auto octets = segment(match, protocol);
    if (!octets.empty()) {
        Octets pseudo(addresses.begin(), addresses.end());
        Writer out(pseudo);
        out.u16(protocol);
        out.u16(static_cast<std::uint16_t>(octets.size()));
        out.octets(octets);
        const auto sum = checksum(pseudo);  // zero would say that there is none
        write_u16(&octets[protocol == protocol_tcp ? 16 : 6], sum == 0 ? 0xffff : sum);
    }
    return octets;
}

Octets joined(OctetView first, OctetView second) {
    Octets octets(first.begin(), first.end());
    octets.insert(octets.end(), second.begin(), second.end());
    return octets;
}

void put_ipv4(Writer& out, const Match& match) {
    const auto addresses = joined(value_or_zero(match, field::ipv4_src).octets,
                                  value_or_zero(match, field::ipv4_dst).octets);
    const auto protocol = value_or_zero(match, field::ip_proto);
    const auto payload = checked_segment(match, protocol, addresses);
    Octets header;
    Writer head(header);
    head.u16(0x4500);
    head.u16(static_cast<std::uint16_t>(20 + payload.size()));
    head.zeros(4);
    head.u8(time_to_live);
    head.u8(protocol);
    head.u16(0);
    head.octets(addresses);
    write_u16(&header[10], checksum(header));
    out.octets(header);
    out.octets(payload);
}

void put_ipv6(Writer& out, const Match& match) {
    constexpr std::uint8_t nothing_follows = 59;
    const auto addresses = joined(value_or_zero(match, field::ipv6_src).octets,
                                  value_or_zero(match, field::ipv6_dst).octets);
    const auto protocol = match.get(field::ip_proto).value_or(nothing_follows);
    const auto payload = checked_segment(match, protocol, addresses);
    out.u32(0x60000000);
    out.u16(static_cast<std::uint16_t>(payload.size()));
    out.u8(protocol);
    out.u8(time_to_live);
    out.octets(addresses);
    out.octets(payload);
}

void put_arp(Writer& out, const Match& match) {
    constexpr std::uint16_t request = 1;
    out.u16(1);  // Ethernet
    out.u16(type_ipv4);
    out.u8(6);
    out.u8(4);
    out.u16(match.get(field::arp_op).value_or(request));
    out.octets(value_or_zero(match, field::arp_sha).octets);
    out.octets(value_or_zero(match, field::arp_spa).octets);
    out.octets(value_or_zero(match, field::arp_tha).octets);
    out.octets(value_or_zero(match, field::arp_tpa).octets);
}

}  // namespace

Octets sample_packet(const Match& match) {
    Octets octets;
    Writer out(octets);
    out.octets(value_or_zero(match, field::eth_dst).octets);
    out.octets(match.get(field::eth_src).value_or(sender_of_nobody).octets);
    if (const auto vlan = match.get(field::vlan_vid); vlan && (*vlan & vlan_present) != 0) {
        out.u16(type_vlan);
        out.u16(static_cast<std::uint16_t>(*vlan & ~vlan_present));
    }
    const auto type = match.get(field::eth_type).value_or(type_of_nobody);
    out.u16(type);
    if (type == type_ipv4) {
        put_ipv4(out, match);
    } else if (type == type_ipv6) {
        put_ipv6(out, match);
    } else if (type == type_arp) {
        put_arp(out, match);
    }
    if (octets.size() < shortest) {
        octets.resize(shortest);
    }
    return octets;
}

PacketOut shown_to_controller(const Match& match) {
    PacketOut out;
    out.in_port = match.get(field::in_port).value_or(Port::controller);
    if (const auto id = match.get(field::tunnel_id)) {
        out.actions.set_field(field::tunnel_id, *id);
    }
    if (const auto source = match.get(field::tun_src)) {
        out.actions.set_field(field::tun_src, *source);
    }
    if (const auto metadata = match.get(field::metadata)) {
        out.actions.set_field(field::metadata, *metadata);
    }
    out.actions.output(Port::controller);
    out.packet = sample_packet(match);
    return out;
}

}  // namespace vmigrate::netflow
