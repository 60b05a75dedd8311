// SPDX-License-Identifier: GPL-2.0-or-later
// When the kernel took a datagram, so that a late wake-up of the process that reads it is not a
// gap.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace vmigrate::lab {

// Asks for the times of all datagrams that arrive at a socket from now on.
void ask_arrival_times(int fd);

// CLOCK_REALTIME in nanoseconds; that of now if the message brings none.
std::uint64_t arrival_realtime_ns(msghdr& message);

// The same moment by CLOCK_MONOTONIC.
std::uint64_t to_monotonic_ns(std::uint64_t realtime_ns);

}  // namespace vmigrate::lab
