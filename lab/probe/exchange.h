// SPDX-License-Identifier: GPL-2.0-or-later
// The near end of a probe: datagrams to a responder at a fixed rate, and back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "probe/packet.h"
#include "probe/taps.h"

namespace vmigrate::lab {

struct ExchangeOptions {
    std::string address;  // IPv4, of the responder
    std::chrono::nanoseconds period{};
    std::chrono::nanoseconds duration{};
    std::chrono::nanoseconds patience{};  // how long to ask a responder that does not answer
    std::vector<int> taps;                // of the hosts, see TapWatch
};

// Times are monotonic; those of the way back are arrivals, those of the way out are when it was
// sent.
struct Direction {
    std::uint64_t sent = 0;
    Tally tally = {};
    std::uint64_t first_reordered_ns = 0;  // 0 if none was
    std::uint64_t last_reordered_ns = 0;
};

struct ExchangeResult {
    std::string error;                        // "" if both ends were heard
    Direction outward;                        // to the responder, counted there
    Direction back;                           // from the responder, counted here
    std::uint64_t longest_loss_start_ns = 0;  // outward: when the first of them was sent
    std::uint64_t longest_gap_ns = 0;         // back: between two arrivals
    std::uint64_t longest_gap_start_ns = 0;
    std::vector<Silence> taps;  // while probes were sent outward, the longest first
};

// Runs one session; `ending` ends it early.
ExchangeResult exchange(const ExchangeOptions& options, const std::atomic<bool>& ending);

}  // namespace vmigrate::lab
