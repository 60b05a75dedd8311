// SPDX-License-Identifier: GPL-2.0-or-later
// A TCP stream to a responder and back: does it survive, and does TCP notice anything.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace vmigrate::lab {

struct StreamResult {
    std::string error;  // "" if all came back
    bool reset = false;
    std::uint64_t bytes = 0;  // came back, each the one that was due
    std::uint64_t retransmitted_out = 0, retransmitted_back = 0;  // segments
    std::uint64_t timeouts_out = 0, timeouts_back = 0;            // retransmission timeouts
    std::uint64_t longest_gap_ns = 0;                             // between two arrivals
};

// Sends a little each 5 ms for `duration`, or until `ending`, then waits at most `patience` for the
// rest to come back. Timeouts are those of the whole network namespace, so one stream at a time.
StreamResult run_stream(const std::string& address, std::chrono::nanoseconds duration,
                        std::chrono::nanoseconds patience, const std::atomic<bool>& ending);

}  // namespace vmigrate::lab
