// SPDX-License-Identifier: GPL-2.0-or-later
//
// Has the controller make its flows to a guest anew after the guest has moved, on all switches at
// once: netflow/refresh.h decides, here it is carried out, by a thread for each switch.
//
// Somebody may tell the controller as soon as the guest runs, so the switches are connected before
// that, and each one's flows are held as soon as they lead to the new place.
//
// A controller that does not know of the move yet gives wrong answers. The relay covers them until
// they are put right, but not those of the source for its own senders: its flows are asked for when
// the controller has shown that it knows. It is asked again with growing pauses, and at once when
// it begins to delete the guest's flows.
//
// Ownership: connections of its own. Thread rule: one thread; begin() any, one at a time for a
// host.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "handover/ovs_settings.h"
#include "netflow/move.h"

namespace vmigrate::handover {

class OvsRefresh {
  public:
    /// Connects; nothing is changed before begin().
    explicit OvsRefresh(const OvsTask& task);
    ~OvsRefresh();
    OvsRefresh(const OvsRefresh&) = delete;
    OvsRefresh& operator=(const OvsRefresh&) = delete;

    /// The flows of this host's switch lead to the destination: from now on they are held. A second
    /// call changes nothing.
    void begin(const std::string& host, const netflow::Move& move);
    /// Until all flows are made anew where it has begun, except at switches that do not answer, and
    /// nobody has deleted one for a while.
    void wait(TimePoint until);
    /// What is not made anew is again as it was. One line for each switch where that is so.
    std::vector<std::string> end();

  private:
    struct Bridge;
    void follow(Bridge& bridge);
    void stop();

    std::vector<std::unique_ptr<Bridge>> bridges_;
    std::atomic<bool> stop_ = false;
    std::atomic<bool> controller_knows_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
};

}  // namespace vmigrate::handover
