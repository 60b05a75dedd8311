// SPDX-License-Identifier: GPL-2.0-or-later
//
// Has the controller make its flows to a guest anew after the guest has moved, on all switches at
// once: netflow/refresh.h decides, here it is carried out, by a thread for each switch.
//
// A controller that does not know of the move yet gives wrong answers. The relay covers them until
// they are put right, but not those of the source for its own senders: its flows are asked for when
// the controller has shown that it knows. It is asked again with growing pauses, and at once when
// it begins to delete the guest's flows.
//
// Ownership: connections of its own. Thread rule: one thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "handover/ovs_settings.h"

namespace vmigrate::handover {

class OvsRefresh {
  public:
    /// The flows lead to the destination already.
    OvsRefresh(const netflow::Move& move, const OvsTask& task);
    ~OvsRefresh();
    OvsRefresh(const OvsRefresh&) = delete;
    OvsRefresh& operator=(const OvsRefresh&) = delete;

    /// Until all flows are made anew, except at switches that do not answer.
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
