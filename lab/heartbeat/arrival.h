// SPDX-License-Identifier: GPL-2.0-or-later
// When the kernel took a datagram, so that a late wake-up of the process that reads it is not a
// gap.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace vmigrate::lab {

// Asks for the times of all datagrams that arrive at a socket from now on.
void ask_arrival_times(int fd);

// As recv, with the arrival by CLOCK_REALTIME in nanoseconds; that of now if the kernel tells none.
ssize_t receive_stamped(int fd, void* data, std::size_t size, int flags, std::uint64_t& arrived_ns);

// The same moment by CLOCK_MONOTONIC.
std::uint64_t to_monotonic_ns(std::uint64_t realtime_ns);

}  // namespace vmigrate::lab
