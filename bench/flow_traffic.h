// SPDX-License-Identifier: GPL-2.0-or-later
//
// Numbered frames at a fixed rate into one network interface, counted where they come out of
// another: what a switch between the two loses. Two threads of its own, from the constructor to
// end(). Thread rule: one thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace vmigrate::bench {

class Traffic {
  public:
    /// Ends the process where there is no such interface.
    Traffic(const std::string& from, const std::string& to, unsigned per_second);
    ~Traffic();
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    struct Count {
        std::uint64_t sent = 0;
        std::uint64_t lost = 0;
        std::chrono::milliseconds longest_gap{0};  ///< between two arrivals
    };
    /// Waits for what is under way. Once.
    Count end();

  private:
    void send_all(unsigned per_second);
    void receive_all();

    int out_;
    int in_;
    std::atomic<bool> ending_ = false;
    std::uint64_t sent_ = 0;
    std::vector<bool> arrived_;
    std::chrono::nanoseconds longest_gap_{0};
    std::thread sender_;
    std::thread receiver_;
};

}  // namespace vmigrate::bench
