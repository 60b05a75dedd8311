// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/echo_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "base/text.h"

namespace vmigrate::probe {
namespace {

/// Both kinds of ICMP begin with the same eight octets.
struct Echo {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint16_t checksum = 0;
    std::uint16_t id = 0;
    std::uint16_t sequence = 0;  ///< too short for us: comes round each minute
    std::uint64_t token = 0;
    std::uint64_t number = 0;
};
static_assert(sizeof(Echo) == 24);

struct Address {
    int family = AF_INET;
    sockaddr_storage storage{};
    socklen_t size = 0;
};

std::optional<Address> address_of(const std::string& text) {
    Address address;
    sockaddr_in four{};
    sockaddr_in6 six{};
    if (inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1) {
        four.sin_family = AF_INET;
        address.size = sizeof four;
        std::memcpy(&address.storage, &four, sizeof four);
        return address;
    }
    if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1) {
        six.sin6_family = AF_INET6;
        address.family = AF_INET6;
        address.size = sizeof six;
        std::memcpy(&address.storage, &six, sizeof six);
        return address;
    }
    return std::nullopt;
}

/// RFC 1071. The kernel fills in that of ICMPv6, as it covers the source address.
std::uint16_t checksum(const Echo& echo) {
    std::array<std::uint16_t, sizeof(Echo) / sizeof(std::uint16_t)> words{};
    std::memcpy(words.data(), &echo, sizeof echo);
    std::uint32_t sum = 0;
    for (const auto word : words) {
        sum += word;
    }
    while ((sum >> 16U) != 0) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

std::uint64_t random_token() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace

Result<EchoSocket> EchoSocket::open(const std::string& text) {
    const auto address = address_of(text);
    if (!address) {
        return fail(ErrorKind::usage,
                    fmt::format("{} is no address, as in 10.0.0.5 or fd00::5", quoted(text)));
    }
    const int protocol = address->family == AF_INET ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
    constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    int descriptor = socket(address->family, SOCK_DGRAM | kFlags, protocol);
    const bool raw = descriptor < 0;
    if (raw) {
        descriptor = socket(address->family, SOCK_RAW | kFlags, protocol);
    }
    if (descriptor < 0) {
        return fail(ErrorKind::denied,
                    fmt::format("ICMP echo: {}; run as root, or have this group in the sysctl "
                                "net.ipv4.ping_group_range",
                                std::strerror(errno)));
    }
    EchoSocket result(descriptor, address->family, raw, random_token());
    constexpr int kBuffer = 1 << 20;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address->storage), address->size) !=
        0) {
        return fail(ErrorKind::unreachable, fmt::format("{}: {}", text, std::strerror(errno)));
    }
    return result;
}

EchoSocket::EchoSocket(EchoSocket&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      family_(other.family_),
      raw_(other.raw_),
      token_(other.token_) {}

EchoSocket::~EchoSocket() {
    if (socket_ >= 0) {
        close(socket_);
    }
}

bool EchoSocket::ask(std::uint64_t number) {
    Echo echo;
    echo.type = family_ == AF_INET ? std::uint8_t{ICMP_ECHO} : std::uint8_t{ICMP6_ECHO_REQUEST};
    echo.id = static_cast<std::uint16_t>(token_);
    echo.sequence = htons(static_cast<std::uint16_t>(number));
    echo.token = token_;
    echo.number = number;
    echo.checksum = family_ == AF_INET ? checksum(echo) : std::uint16_t{0};
    // What an earlier one met with is told to a later one.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (send(socket_, &echo, sizeof echo, 0) == sizeof echo) {
            return true;
        }
    }
    return errno == EHOSTUNREACH || errno == ENETUNREACH || errno == ECONNREFUSED ||
           errno == EHOSTDOWN;
}

std::optional<std::uint64_t> EchoSocket::answer() {
    std::array<std::uint8_t, 256> data{};
    const auto reply =
        family_ == AF_INET ? std::uint8_t{ICMP_ECHOREPLY} : std::uint8_t{ICMP6_ECHO_REPLY};
    int errors = 0;
    for (;;) {
        const auto size = recv(socket_, data.data(), data.size(), 0);
        if (size < 0) {
            constexpr int kErrors = 8;  // each that was queued is told once
            if (errno == EAGAIN || errno == EWOULDBLOCK || ++errors == kErrors) {
                return std::nullopt;
            }
            continue;
        }
        // A raw socket of IPv4 gives the header of IP, too.
        std::size_t begin = 0;
        if (raw_ && family_ == AF_INET && size > 0) {
            begin = (data[0] & 0x0fU) * std::size_t{4};
        }
        Echo echo;
        if (static_cast<std::size_t>(size) < begin + sizeof echo) {
            continue;
        }
        std::memcpy(&echo, data.data() + begin, sizeof echo);
        if (echo.type == reply && echo.token == token_) {
            return echo.number;
        }
    }
}

}  // namespace vmigrate::probe
