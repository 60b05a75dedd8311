// SPDX-License-Identifier: GPL-2.0-or-later
//
// ICMP echo to one address, IPv4 or IPv6: numbered requests and their answers. Without privileges
// where the kernel lets this user's group ping (net.ipv4.ping_group_range), else as root.
// Ownership: closes its socket. Thread rule: one thread at a time. Nothing blocks.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace vmigrate::probe {

class EchoSocket {
  public:
    /// Error (usage): not an address. Error (denied): neither way to ask is allowed. Error
    /// (unreachable): no route.
    static Result<EchoSocket> open(const std::string& address);

    EchoSocket(EchoSocket&& other) noexcept;
    EchoSocket& operator=(EchoSocket&&) = delete;
    ~EchoSocket();

    /// False: this machine had no room for it, it was not sent. One that finds no way to the guest
    /// is sent: it is lost.
    bool ask(std::uint64_t number);
    /// The number of the next answer that is there; nothing: none is.
    std::optional<std::uint64_t> answer();
    int descriptor() const { return socket_; }

  private:
    EchoSocket(int socket, int family, bool raw, std::uint64_t token)
        : socket_(socket), family_(family), raw_(raw), token_(token) {}

    int socket_;
    int family_;
    bool raw_;
    std::uint64_t token_;  ///< in each request: answers to others are none of ours
};

}  // namespace vmigrate::probe
