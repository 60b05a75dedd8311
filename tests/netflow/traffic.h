// SPDX-License-Identifier: GPL-2.0-or-later
//
// Numbered datagrams from several network namespaces to a guest, and its answers. The guest is
// anybody who has its address, in several namespaces: where it is, the switches decide. Errors end
// the program (must.h). Thread rule: one thread; has two of its own between start() and stop().
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/units.h"

namespace vmigrate::test {

class Traffic {
  public:
    /// Names in /run/netns; `address` is the guest's, IPv4 or IPv6.
    Traffic(const std::vector<std::string>& senders, const std::vector<std::string>& guests,
            const std::string& address = "10.81.0.1");
    ~Traffic();
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    void start(milliseconds between_datagrams);

    struct Tally {
        std::uint64_t sent = 0;             ///< by all senders
        std::uint64_t lost = 0;             ///< on the way to the guest
        std::uint64_t lost_at_the_end = 0;  ///< of these, after the last that arrived
        std::uint64_t duplicated = 0;
        std::uint64_t answers_lost = 0;
        std::uint64_t answers_duplicated = 0;
    };
    /// Waits until nothing is under way any more. May be started again.
    Tally stop();

  private:
    struct Datagram {
        std::uint32_t sender = 0;
        std::uint32_t number = 0;
    };
    struct Counts {
        std::uint8_t arrived = 0;
        std::uint8_t answered = 0;
    };
    void send_all(milliseconds between_datagrams);
    void answer_all();

    std::vector<int> senders_;
    std::vector<int> guests_;
    std::vector<std::vector<Counts>> counts_;  ///< by sender and number
    std::uint32_t sent_ = 0;                   ///< by each
    std::atomic<bool> sending_ = false;
    std::atomic<bool> running_ = false;
    std::thread sender_;
    std::thread guest_;
};

}  // namespace vmigrate::test
