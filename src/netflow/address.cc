// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace vmigrate::netflow {

Result<Mac> parse_mac(std::string_view text) {
    Mac mac;
    bool good = text.size() == 17;
    for (std::size_t i = 0; good && i < mac.octets.size(); ++i) {
        const char* at = text.data() + 3 * i;
        const auto [end, error] = std::from_chars(at, at + 2, mac.octets[i], 16);
        good = error == std::errc() && end == at + 2 && (i == 5 || at[2] == ':');
    }
    if (!good) {
        return fail(ErrorKind::usage, quoted(text) + " is no MAC address");
    }
    return mac;
}

Result<Ipv4> parse_ipv4(std::string_view text) {
    Ipv4 ip;
    if (inet_pton(AF_INET, std::string(text).c_str(), ip.octets.data()) != 1) {
        return fail(ErrorKind::usage, quoted(text) + " is no IPv4 address");
    }
    return ip;
}

Result<Ipv6> parse_ipv6(std::string_view text) {
    Ipv6 ip;
    if (inet_pton(AF_INET6, std::string(text).c_str(), ip.octets.data()) != 1) {
        return fail(ErrorKind::usage, quoted(text) + " is no IPv6 address");
    }
    return ip;
}

bool is_unicast(const Mac& mac) {
    return (mac.octets[0] & 1U) == 0 && mac != Mac{};
}

bool is_unicast(const Ipv4& ip) {
    constexpr std::uint8_t first_group = 224;  // above are groups, reserved ones and the broadcast
    return ip.octets[0] != 0 && ip.octets[0] < first_group;
}

std::string format(const Mac& mac) {
    return fmt::format("{:02x}", fmt::join(mac.octets, ":"));
}

std::string format(const Ipv4& ip) {
    return fmt::format("{}", fmt::join(ip.octets, "."));
}

std::string format(const Ipv6& ip) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(AF_INET6, ip.octets.data(), text.data(), text.size());
    return text.data();
}

std::string format(Port port) {
    switch (port) {
        case Port::in_port:
            return "IN_PORT";
        case Port::table:
            return "TABLE";
        case Port::normal:
            return "NORMAL";
        case Port::flood:
            return "FLOOD";
        case Port::all:
            return "ALL";
        case Port::controller:
            return "CONTROLLER";
        case Port::local:
            return "LOCAL";
        case Port::any:
            return "ANY";
    }
    return fmt::format("{}", static_cast<std::uint32_t>(port));
}

}  // namespace vmigrate::netflow
