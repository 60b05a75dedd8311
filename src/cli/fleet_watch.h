// SPDX-License-Identifier: GPL-2.0-or-later
//
// Looks at hosts every few seconds, each on a thread of its own, so that one that hangs holds up
// nobody. Thread rule: taken from one thread.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libvirt/guest_loads.h"

namespace vmigrate::cli {

class FleetWatch {
  public:
    explicit FleetWatch(const std::vector<libvirt::HostAccess>& hosts);
    /// Waits for a host that is being asked, a few seconds at most.
    ~FleetWatch();
    FleetWatch(const FleetWatch&) = delete;
    FleetWatch& operator=(const FleetWatch&) = delete;

    /// What hosts have said since the last call; of each the newest.
    std::map<std::string, Result<libvirt::HostLook>> take();

  private:
    void watch(const libvirt::HostAccess& access);

    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::map<std::string, Result<libvirt::HostLook>> looks_;
    std::vector<std::thread> threads_;
};

}  // namespace vmigrate::cli
