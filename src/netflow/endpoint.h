// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where a switch or its database listens, and the byte stream to it. Thread rule: one thread at a
// time for each stream.
#pragma once

#include <memory>

#include "base/units.h"
#include "netflow/octets.h"

namespace vmigrate::netflow {

/// Files in PEM form. The peer must have a certificate of `authority`. If that names hosts, they
/// must be this one; those that Open vSwitch's own tools make name none.
struct TlsFiles {
    std::string private_key;
    std::string certificate;
    std::string authority;
    friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

struct Endpoint {
    enum class Kind { unix_socket, tcp, ssl };
    Kind kind = Kind::unix_socket;
    std::string path;  ///< of a unix socket
    std::string host;
    std::uint16_t port = 0;
    TlsFiles tls;  ///< for ssl

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// "unix:PATH", "tcp:HOST:PORT", "ssl:HOST:PORT"; an IPv6 address in brackets; without a port it is
/// `default_port`. Error (usage): none of these.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port = 6653);
std::string format(const Endpoint& endpoint);

/// Non-blocking, connected; closed when it is destroyed.
class Stream {
  public:
    virtual ~Stream() = default;
    virtual int fd() const = 0;
    /// How many bytes were read or written; 0: not possible at the moment. Error (unreachable): the
    /// stream has ended.
    virtual Result<std::size_t> read(std::span<std::uint8_t> buffer) = 0;
    virtual Result<std::size_t> write(OctetView octets) = 0;
};

/// Errors: unreachable (nobody listens, or no answer until `until`), denied (certificates), config
/// (a certificate's file). Looking up a host's name is not bounded by `until`.
Result<std::unique_ptr<Stream>> open_stream(const Endpoint& endpoint, TimePoint until);

/// Waits until `events` (POLLIN, POLLOUT) happen on `fd`; false when `until` has passed.
bool wait_for(int fd, short events, TimePoint until);

}  // namespace vmigrate::netflow
