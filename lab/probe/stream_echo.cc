// SPDX-License-Identifier: GPL-2.0-or-later
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "probe/packet.h"
#include "probe/responder.h"
#include "probe/tcp_counters.h"

namespace vmigrate::lab {
namespace {

bool send_all(int fd, const void* data, std::size_t size) {
    const auto* next = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t done = send(fd, next, size, MSG_NOSIGNAL);
        if (done <= 0) {
            return false;
        }
        next += done;
        size -= static_cast<std::size_t>(done);
    }
    return true;
}

void echo_stream(int fd) {
    char buffer[16384];
    for (;;) {
        const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
        if (size > 0 && send_all(fd, buffer, static_cast<std::size_t>(size))) {
            continue;
        }
        if (size == 0) {
            const StreamEnd end = {retransmitted_segments(fd), retransmission_timeouts()};
            send_all(fd, &end, sizeof end);
        }
        break;
    }
    close(fd);
}

}  // namespace

void echo_streams_forever() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_port = htons(kStreamPort);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
        listen(fd, 8) != 0) {
        std::printf("probe: no port %u: %m\n", kStreamPort);
        std::abort();
    }
    for (;;) {
        if (const int stream = accept(fd, nullptr, nullptr); stream >= 0) {
            std::thread(echo_stream, stream).detach();
        }
    }
}

}  // namespace vmigrate::lab
