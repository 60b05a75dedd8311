// SPDX-License-Identifier: GPL-2.0-or-later
// The guests' taps, seen from the hosts: when QEMU took something from them. A guest that moves
// takes what waited for it as soon as it runs, however long it then needs to answer. The packets
// with which vmigrate asks whether a tap is empty are nobody's, and are not counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace vmigrate::lab {

struct Silence {
    std::uint64_t length_ns = 0;
    std::uint64_t start_ns = 0;  // monotonic
};

// Watches as long as it lives, in a thread of its own.
class TapWatch {
  public:
    // `networks`: open files /proc/PID/ns/net, a host each; none: nothing is watched. They stay the
    // caller's.
    explicit TapWatch(const std::vector<int>& networks);
    ~TapWatch();
    TapWatch(const TapWatch&) = delete;
    TapWatch& operator=(const TapWatch&) = delete;

    // Ends it; the longest times between two packets that any tap delivered, half a millisecond
    // more or less: at most five, the longest first.
    std::vector<Silence> longest();

  private:
    struct Host {
        int devices = -1;          // its /proc/net/dev
        int blanks = -1;           // a socket that sees vmigrate's packets on their way to a tap
        std::int64_t taken = 0;    // from its taps
        std::int64_t asked = 0;    // of these, at most, vmigrate's
        std::int64_t highest = 0;  // taken - asked, since taps went
    };
    static Host look_into(int network);
    static bool took_something(Host& host);
    void keep(Silence silence);
    void watch();

    std::vector<Host> hosts_;
    std::atomic<bool> done_{false};
    std::vector<Silence> longest_;
    std::thread thread_;
};

}  // namespace vmigrate::lab
