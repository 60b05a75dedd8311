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
namespace {

/// QEMU looks ten times a second how much may remain.
constexpr double kShortest = 0.2;
constexpr double kLongest = 0.5;

}  // namespace

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

std::optional<milliseconds> longest_lead(double packets_per_second, std::uint32_t queue) {
    const double most = queue / 2.0;
    if (packets_per_second * kShortest > most) {
        return std::nullopt;
    }
    const double longest =
        packets_per_second * kLongest > most ? most / packets_per_second : kLongest;
    return milliseconds(static_cast<std::int64_t>(longest * 1e3));
}

}  // namespace vmigrate::handover
