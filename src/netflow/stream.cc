// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/stream.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/handle.h"
#include "base/text.h"

namespace vmigrate::netflow {
namespace {

using AddressList = Handle<addrinfo, freeaddrinfo>;

class Socket final : public Stream {
  public:
    explicit Socket(int fd) : fd_(fd) {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() override { close(fd_); }

    int fd() const override { return fd_; }

    Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
        const auto count = recv(fd_, buffer.data(), buffer.size(), 0);
        if (count == 0) {
            return fail(ErrorKind::unreachable, "the connection was closed by the other side");
        }
        return result_of(count);
    }

    Result<std::size_t> write(OctetView octets) override {
        return result_of(send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL));
    }

  private:
    static Result<std::size_t> result_of(ssize_t count) {
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
            return std::size_t{0};
        }
        return fail(ErrorKind::unreachable, std::strerror(errno));
    }

    int fd_;
};

tl::unexpected<Error> cannot_connect(const Endpoint& endpoint, const char* why) {
    return fail(ErrorKind::unreachable, "cannot connect to " + format(endpoint) + ": " + why);
}

Result<std::unique_ptr<Stream>> connect_to(int family, const sockaddr* address, socklen_t size,
                                           const Endpoint& endpoint, TimePoint until) {
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return cannot_connect(endpoint, std::strerror(errno));
    }
    auto stream = std::make_unique<Socket>(fd);
    if (connect(fd, address, size) != 0) {
        // a unix socket whose queue is full says EAGAIN, and never becomes writable by itself
        if (errno != EINPROGRESS) {
            return cannot_connect(endpoint, std::strerror(errno));
        }
        if (!wait_for(fd, POLLOUT, until)) {
            return cannot_connect(endpoint, "no answer in time");
        }
        int error = 0;
        socklen_t error_size = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
        if (error != 0) {
            return cannot_connect(endpoint, std::strerror(error));
        }
    }
    if (family != AF_UNIX) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return stream;
}

Result<std::unique_ptr<Stream>> connect_unix(const Endpoint& endpoint, TimePoint until) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (endpoint.path.size() >= sizeof address.sun_path) {
        return fail(ErrorKind::usage, quoted(endpoint.path) + " is too long for a unix socket");
    }
    std::memcpy(address.sun_path, endpoint.path.c_str(), endpoint.path.size());
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address,
                      endpoint, until);
}

Result<std::unique_ptr<Stream>> connect_tcp(const Endpoint& endpoint, TimePoint until) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error =
        getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
    if (error != 0) {
        return cannot_connect(endpoint, gai_strerror(error));
    }
    const AddressList list(found);
    Result<std::unique_ptr<Stream>> stream = cannot_connect(endpoint, "it has no address");
    for (const auto* one = found; one != nullptr; one = one->ai_next) {
        stream = connect_to(one->ai_family, one->ai_addr, one->ai_addrlen, endpoint, until);
        if (stream) {
            break;
        }
    }
    return stream;
}

}  // namespace

Result<std::unique_ptr<Stream>> open_socket(const Endpoint& endpoint, TimePoint until) {
    return endpoint.kind == Endpoint::Kind::unix_socket ? connect_unix(endpoint, until)
                                                        : connect_tcp(endpoint, until);
}

Result<std::unique_ptr<Stream>> open_stream(const Endpoint& endpoint, TimePoint until) {
    auto socket = open_socket(endpoint, until);
    if (!socket || endpoint.kind != Endpoint::Kind::ssl) {
        return socket;
    }
    return open_tls(std::move(*socket), endpoint, until);
}

}  // namespace vmigrate::netflow
