// SPDX-License-Identifier: GPL-2.0-or-later
//
// A way to a switch's socket that stops on demand, until release(): what a client sends is held
// from the first message of a kind on, or what the switch says is. One use. Ownership: the socket's
// file is removed with it. Thread rule: any thread.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace vmigrate::test {

class HoldingProxy {
  public:
    /// Listens at `path`, of a unix socket like `target`.
    HoldingProxy(std::string path, std::string target);
    ~HoldingProxy();
    HoldingProxy(const HoldingProxy&) = delete;
    HoldingProxy& operator=(const HoldingProxy&) = delete;

    /// From the next OpenFlow message of this type on; `anything`: from the next octet.
    static constexpr int anything = -1;
    void hold_from(int message_type);
    /// What the switch says.
    void hold_answers();
    /// Until something is held. False: nothing was, in ten seconds.
    bool wait_until_held() const;
    void release();

  private:
    void run();
    void carry_on(int client, int server);
    /// How much of what the client sent may go on.
    std::size_t let_through(const std::string& waiting);

    const std::string path_;
    const std::string target_;
    int listener_ = -1;
    static constexpr int nothing = -2;
    std::atomic<int> hold_from_ = nothing;
    std::atomic<bool> held_ = false;
    std::atomic<bool> hold_answers_ = false;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
    std::vector<std::thread> clients_;  ///< that thread's, until it ends
};

}  // namespace vmigrate::test
