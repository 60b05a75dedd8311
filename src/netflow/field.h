// SPDX-License-Identifier: GPL-2.0-or-later
//
// Match fields: type-length-value entries of OpenFlow's OXM and Open vSwitch's NXM. A named field
// knows the type of its value; all others are carried as they are. Values only; any thread.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "netflow/address.h"
#include "netflow/octets.h"

namespace vmigrate::netflow {

/// Class and number of a field, without its length and whether it has a mask.
struct FieldId {
    std::uint16_t oxm_class = 0;
    std::uint8_t number = 0;
    friend auto operator<=>(const FieldId&, const FieldId&) = default;
};

/// One entry as it lies in a buffer that must outlive it.
struct FieldView {
    FieldId id;
    OctetView value;
    OctetView mask;   ///< empty: exact
    OctetView whole;  ///< with its header
};

/// The next entry; nothing when there is none or, then reader.ok() is false, no whole one. Entries
/// of the experimenter class are one value with their experimenter number in front.
std::optional<FieldView> next_field(Reader& reader);

void write_field(Writer& out, FieldId id, OctetView value, OctetView mask = {});

template <class T>
struct Field {
    FieldId id;
};

std::uint64_t to_number(OctetView octets);

template <class T>
constexpr std::size_t field_size = sizeof(T);

/// Values to octets and back; the size is always that of the field.
template <class T>
std::array<std::uint8_t, field_size<T>> field_octets(const T& value) {
    if constexpr (requires { value.octets; }) {
        return value.octets;
    } else {
        std::array<std::uint8_t, field_size<T>> octets{};
        auto rest = static_cast<std::uint64_t>(value);
        for (auto octet = octets.rbegin(); octet != octets.rend(); ++octet, rest >>= 8U) {
            *octet = static_cast<std::uint8_t>(rest);
        }
        return octets;
    }
}

/// REQUIRES: octets.size() == field_size<T>.
template <class T>
T field_value(OctetView octets) {
    T value{};
    if constexpr (requires { value.octets; }) {
        std::copy(octets.begin(), octets.end(), value.octets.begin());
    } else {
        value = static_cast<T>(to_number(octets));
    }
    return value;
}

namespace field {
inline constexpr std::uint16_t nxm0 = 0;  ///< fields of OpenFlow 1.0
inline constexpr std::uint16_t nxm1 = 1;  ///< fields of Open vSwitch
inline constexpr std::uint16_t basic = 0x8000;
inline constexpr std::uint16_t experimenter = 0xffff;

inline constexpr Field<Port> in_port{{basic, 0}};
inline constexpr Field<std::uint64_t> metadata{{basic, 2}};
inline constexpr Field<Mac> eth_dst{{basic, 3}};
inline constexpr Field<Mac> eth_src{{basic, 4}};
inline constexpr Field<std::uint16_t> eth_type{{basic, 5}};
/// With bit 0x1000 set a tagged packet, 0 an untagged one.
inline constexpr Field<std::uint16_t> vlan_vid{{basic, 6}};
inline constexpr Field<std::uint8_t> ip_proto{{basic, 10}};
inline constexpr Field<Ipv4> ipv4_src{{basic, 11}};
inline constexpr Field<Ipv4> ipv4_dst{{basic, 12}};
inline constexpr Field<std::uint16_t> tcp_src{{basic, 13}};
inline constexpr Field<std::uint16_t> tcp_dst{{basic, 14}};
inline constexpr Field<std::uint16_t> udp_src{{basic, 15}};
inline constexpr Field<std::uint16_t> udp_dst{{basic, 16}};
inline constexpr Field<std::uint16_t> arp_op{{basic, 21}};
inline constexpr Field<Ipv4> arp_spa{{basic, 22}};
inline constexpr Field<Ipv4> arp_tpa{{basic, 23}};
inline constexpr Field<Mac> arp_sha{{basic, 24}};
inline constexpr Field<Mac> arp_tha{{basic, 25}};
inline constexpr Field<Ipv6> ipv6_src{{basic, 26}};
inline constexpr Field<Ipv6> ipv6_dst{{basic, 27}};
inline constexpr Field<std::uint8_t> icmpv6_type{{basic, 29}};
inline constexpr Field<Ipv6> nd_target{{basic, 31}};
inline constexpr Field<TunnelId> tunnel_id{{basic, 38}};
inline constexpr Field<Ipv4> tun_src{{nxm1, 31}};
inline constexpr Field<Ipv4> tun_dst{{nxm1, 32}};
inline constexpr Field<std::uint32_t> conj_id{{nxm1, 37}};
/// The 16 bit port number of OpenFlow 1.0; loading 0 lets a packet go back where it came from.
inline constexpr Field<std::uint16_t> in_port_of10{{nxm0, 0}};
inline constexpr Field<TunnelId> tunnel_id_nxm{{nxm1, 16}};
/// reg0 to reg15
constexpr Field<std::uint32_t> reg(std::uint8_t number) {
    return {{nxm1, number}};
}
}  // namespace field

}  // namespace vmigrate::netflow
