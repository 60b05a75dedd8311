// SPDX-License-Identifier: GPL-2.0-or-later
//
// A thread that follows the flows of source and destination: it keeps the guest's copies on the
// destination as the source's flows are (FlowSync), and puts back at once what somebody deletes of
// our flows (guard) and of those that serve the guest on the source. It knows both sides' flows of
// the guest without asking.
//
// Ownership: connections of its own to both switches; ended by the destructor. Thread rule: any
// thread, but one at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "handover/ovs_settings.h"
#include "netflow/flow_monitor.h"
#include "netflow/flow_sync.h"
#include "netflow/switch.h"

namespace vmigrate::handover {

class OvsFollower {
  public:
    OvsFollower(netflow::Move move, const OvsHost& source, const OvsHost& destination,
                milliseconds timeout);
    ~OvsFollower();
    OvsFollower(const OvsFollower&) = delete;
    OvsFollower& operator=(const OvsFollower&) = delete;

    /// All copies are there, and both switches can be heard. Error (unreachable, network): not
    /// until `until`, and why.
    Result<void> wait_for_copies(TimePoint until);

    struct View {
        netflow::FlowList source;       ///< of the guest, and ours
        netflow::FlowList destination;  ///< copies, relays, what is sent to the source for it
    };
    View view() const;

    enum class End { source, destination };
    /// Deletions of these are put right from now on; the flows must be there. Replaces earlier
    /// ones.
    void guard(End end, const netflow::FlowList& flows);
    /// The source's flows are left alone from now on, and its changes not followed any more.
    void freeze();

    std::vector<netflow::HandedOver> copies() const;
    std::vector<std::string> left_out() const;
    /// Relays of the source that did not go by their time; one that is not there will be.
    bool guards_relays() const;
    /// How often a flow was put back.
    std::uint64_t restored() const;

  private:
    struct Side;
    void run();
    bool follow(Side& side);
    void took(Side& side, const netflow::FlowChange& change);
    bool keep_at_source(const netflow::FlowChange& change);
    void took_at_source(const netflow::FlowChange& change);
    void took_at_destination(const netflow::FlowChange& change);
    void put_back(Side& side, const netflow::FlowChange& change);
    void compare();
    void restore_source();
    Result<void> connect(Side& side);
    Result<void> write_all(Side& side, std::span<const netflow::FlowMod> changes);
    bool write(Side& side, std::vector<netflow::FlowMod> changes);
    std::optional<netflow::Port> neighbour(netflow::Mac mac) const;

    const netflow::Move move_;
    const milliseconds timeout_;
    std::unique_ptr<Side> source_;
    std::unique_ptr<Side> destination_;

    /// Held while guarded flows are put back: what guard() replaces is not written any more when it
    /// returns. Taken before the other one.
    std::mutex restoring_;
    mutable std::mutex mutex_;  ///< of all that follows
    std::condition_variable changed_;
    netflow::FlowSync sync_;
    std::unordered_map<netflow::FlowKey, netflow::Mac, netflow::FlowKeyHash> neighbour_of_;
    std::map<netflow::Mac, netflow::Port> neighbours_;
    bool frozen_ = false;
    bool complete_ = false;  ///< all copies are there, as far as both switches can be heard
    std::uint64_t restored_ = 0;
    std::string problem_;

    std::atomic<bool> stop_ = false;
    int wake_ = -1;
    std::thread thread_;
};

}  // namespace vmigrate::handover
