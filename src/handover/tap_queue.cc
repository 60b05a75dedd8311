// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/tap_queue.h"

#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace vmigrate::handover {

Result<void> set_tap_queue(const std::string& device, std::uint32_t packets) {
    ifreq request{};
    if (device.empty() || device.size() >= sizeof request.ifr_name) {
        return fail(ErrorKind::not_found, fmt::format("{} is no network device", quoted(device)));
    }
    device.copy(request.ifr_name, device.size());
    request.ifr_qlen = static_cast<int>(packets);
    const int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool done = any_socket >= 0 && ioctl(any_socket, SIOCSIFTXQLEN, &request) == 0;
    const int error = errno;
    if (any_socket >= 0) {
        close(any_socket);
    }
    if (done) {
        return {};
    }
    return fail(error == ENODEV ? ErrorKind::not_found : ErrorKind::internal,
                fmt::format("cannot set the queue of {} to {} packets: {}", quoted(device), packets,
                            std::strerror(error)));
}

}  // namespace vmigrate::handover
