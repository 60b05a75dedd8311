// SPDX-License-Identifier: GPL-2.0-or-later
//
// libvirt's migrate call, which blocks until the migration is over, on a thread of its own.
// Private to libvirt/.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "libvirt/domain_xml.h"
#include "libvirt/events.h"
#include "libvirt/session.h"
#include "orchestrator/plan.h"

namespace vmigrate::libvirt {

/// `call` with the descriptions that libvirt must be given because the destination differs; those
/// that are in it already, the user's, are not touched. Blocks as libvirt's calls do.
Result<MigrationCall> adapted(virDomainPtr domain, MigrationCall call,
                              const Adaptation& adaptation);

/// Ownership: the thread owns connections of its own and everything else that it uses, so it may
/// outlive this object.
class BlockingCall {
  public:
    /// Connects and starts the call; `translator` hears of its end.
    /// Error: as Session::open; not_found.
    static Result<std::unique_ptr<BlockingCall>> begin(const HostAccess& source,
                                                       const HostAccess& destination,
                                                       const std::string& guest_uuid,
                                                       const MigrationCall& call,
                                                       std::shared_ptr<Translator> translator);
    /// Leaves the thread alone if it still waits.
    ~BlockingCall();
    BlockingCall(const BlockingCall&) = delete;
    BlockingCall& operator=(const BlockingCall&) = delete;

    bool returned_within(milliseconds patience);
    /// Waits for the end of the thread.
    void join();

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        bool returned = false;
    };
    BlockingCall() = default;
    std::shared_ptr<State> state_ = std::make_shared<State>();
    std::thread thread_;
};

}  // namespace vmigrate::libvirt
