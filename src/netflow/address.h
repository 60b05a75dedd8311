// SPDX-License-Identifier: GPL-2.0-or-later
//
// Addresses and numbers that flows speak of, each a type of its own. Values only; any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmigrate::netflow {

struct Mac {
    std::array<std::uint8_t, 6> octets{};
    friend auto operator<=>(const Mac&, const Mac&) = default;
};

struct Ipv4 {
    std::array<std::uint8_t, 4> octets{};
    friend auto operator<=>(const Ipv4&, const Ipv4&) = default;
};

struct Ipv6 {
    std::array<std::uint8_t, 16> octets{};
    friend auto operator<=>(const Ipv6&, const Ipv6&) = default;
};

/// A port number of a bridge as OpenFlow 1.1 and later count them, with the reserved ones.
enum class Port : std::uint32_t {
    in_port = 0xfffffff8,  ///< back to where the packet came from
    table = 0xfffffff9,    ///< packet-out only: through the flow tables
    normal = 0xfffffffa,
    flood = 0xfffffffb,
    all = 0xfffffffc,
    controller = 0xfffffffd,
    local = 0xfffffffe,
    any = 0xffffffff  ///< no restriction to a port
};

enum class TunnelId : std::uint64_t {};
enum class TableId : std::uint8_t { all = 0xff };

/// Errors (usage): not an address of this kind.
Result<Mac> parse_mac(std::string_view text);
Result<Ipv4> parse_ipv4(std::string_view text);
Result<Ipv6> parse_ipv6(std::string_view text);

/// An address that one station has: no group, not all zero.
bool is_unicast(const Mac& mac);
bool is_unicast(const Ipv4& ip);

std::string format(const Mac& mac);  ///< "52:54:00:12:34:56"
std::string format(const Ipv4& ip);  ///< "10.0.0.1"
std::string format(const Ipv6& ip);  ///< "fe80::1"
std::string format(Port port);       ///< "7", "LOCAL"

}  // namespace vmigrate::netflow
