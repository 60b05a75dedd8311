// SPDX-License-Identifier: GPL-2.0-or-later
#include "heartbeat/arrival.h"

#include <sys/socket.h>

#include <cstring>
#include <ctime>

#include "probe/period.h"

namespace vmigrate::lab {
namespace {

std::uint64_t arrival_realtime_ns(msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp = {};
            std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            return static_cast<std::uint64_t>(stamp.tv_sec) * 1'000'000'000 +
                   static_cast<std::uint64_t>(stamp.tv_nsec);
        }
    }
    return clock_ns(CLOCK_REALTIME);
}

}  // namespace

void ask_arrival_times(int fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

ssize_t receive_stamped(int fd, void* data, std::size_t size, int flags,
                        std::uint64_t& arrived_ns) {
    iovec part = {data, size};
    alignas(cmsghdr) char control[128];
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t received = recvmsg(fd, &message, flags);
    if (received >= 0) {
        arrived_ns = arrival_realtime_ns(message);
    }
    return received;
}

std::uint64_t to_monotonic_ns(std::uint64_t realtime_ns) {
    return clock_ns(CLOCK_MONOTONIC) - (clock_ns(CLOCK_REALTIME) - realtime_ns);
}

}  // namespace vmigrate::lab
