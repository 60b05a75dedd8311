// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel counts of TCP's recovery. Tail loss probes are no timeouts.
#pragma once

#include <cstdint>

namespace vmigrate::lab {

// Segments that this connection has sent again, by TCP_INFO.
std::uint64_t retransmitted_segments(int fd);

// Retransmission timeouts of all connections in this network namespace since it was made. TCP_INFO
// has them per connection since Linux 6.7 only.
std::uint64_t retransmission_timeouts();

}  // namespace vmigrate::lab
