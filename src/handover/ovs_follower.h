// SPDX-License-Identifier: GPL-2.0-or-later
//
// A thread that follows the flows of source and destination: from copy() on it keeps the guest's
// copies on the destination as the source's flows are (FlowSync). What somebody deletes of our
// flows, or of those that serve the guest on the source, it puts back at once, and what somebody
// writes back of those that were replaced it replaces again: at most 1000 times a second at once,
// more often each second. It knows both sides' flows of the guest without asking.
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

#include "handover/ovs_bridge.h"
#include "netflow/flow_monitor.h"
#include "netflow/flow_sync.h"
#include "netflow/switch.h"

namespace vmigrate::handover {

class OvsFollower {
  public:
    /// The destination's ports need not be known.
    OvsFollower(netflow::Move move, const OvsHost& source, const OvsHost& destination,
                milliseconds timeout);
    ~OvsFollower();
    OvsFollower(const OvsFollower&) = delete;
    OvsFollower& operator=(const OvsFollower&) = delete;

    /// They are now, and copies are made.
    void copy(netflow::Move move);
    /// Instead: these copies are there, of a guest that has left; see freeze().
    void keep(const std::vector<netflow::HandedOver>& copies);
    bool copies_are_made() const { return copying_; }
    /// All copies are there, and both switches can be heard. Error (unreachable, network): not
    /// until `until`, and why.
    Result<void> wait_for_copies(TimePoint until);

    struct View {
        netflow::FlowList source;       ///< of the guest, and ours
        netflow::FlowList destination;  ///< copies, relays, what is sent to the source for it
    };
    View view() const;

    /// Deletions of these at the source are put right from now on; the flows must be there.
    /// Replaces earlier ones.
    void guard(const netflow::FlowList& flows);
    /// The guest leaves the source: from now on what serves it there is wrong, and no change of the
    /// source is followed any more.
    void freeze();

    /// All that are to be there, told or not.
    std::vector<netflow::HandedOver> wanted() const;
    std::vector<netflow::HandedOver> copies() const;
    std::vector<std::string> left_out() const;
    /// Relays of the source that did not go by their time; one that is not there will be.
    bool guards_relays() const;
    /// How often a flow was put back, or replaced again.
    struct Corrected {
        std::uint64_t at_source = 0;
        std::uint64_t at_destination = 0;
    };
    Corrected corrected() const;

  private:
    struct Side;
    struct Copies;
    void begin_copies(const std::vector<netflow::HandedOver>& known);
    void start();
    void stop();
    void run();
    void wait(TimePoint until);
    bool follow(Side& side);
    void each_second();
    void took(Side& side, const netflow::FlowChange& change);
    void took_at_source(const netflow::FlowChange& change);
    void took_at_destination(const netflow::FlowChange& change);
    Result<void> connect(Side& side);
    Result<void> write(Side& side, std::span<const netflow::FlowMod> changes);
    void failed_to_write(Side& side, const Error& error);

    void keep_copies();
    void begin_round();
    void look_further();
    void write_next();

    std::optional<netflow::FlowMod> correction(const netflow::FlowChange& change);
    bool is_written_back(const netflow::FlowChange& change) const;
    bool may_be_of_a_later_move();
    bool correct_at_source(const netflow::FlowChange& change);
    void correct_at_destination(const netflow::FlowChange& change);
    static std::vector<netflow::FlowMod> at_once(Side& side, netflow::FlowMod change);
    void restore(Side& side);
    void post(Side& side, const std::vector<netflow::FlowMod>& changes);
    static void settle(Side& side);
    void keep_alive(Side& side);
    std::optional<netflow::Port> neighbour(netflow::Mac mac) const;

    netflow::Move move_;  ///< changes only while the thread does not run
    const milliseconds timeout_;
    std::atomic<bool> copying_ = false;
    std::unique_ptr<Side> source_;
    std::unique_ptr<Side> destination_;
    std::unique_ptr<Copies> copies_;
    OvsBridge claims_;  ///< the source's; the follower's thread only

    /// Held while the source is written to: what guard() replaces, and what freeze() ends, is not
    /// written any more when it returns. Taken before the other one.
    std::mutex correcting_;
    mutable std::mutex mutex_;  ///< of all that follows
    std::condition_variable changed_;
    netflow::FlowSync sync_;
    std::unordered_map<netflow::FlowKey, netflow::Mac, netflow::FlowKeyHash> neighbour_of_;
    std::map<netflow::Mac, netflow::Port> neighbours_;
    bool frozen_ = false;
    bool overtaken_ = false;  ///< a later move has begun: what we wrote is its matter
    bool complete_ = false;   ///< all copies are there, as far as both switches can be heard
    std::string problem_;

    std::atomic<bool> stop_ = false;
    int wake_ = -1;
    std::thread thread_;
};

}  // namespace vmigrate::handover
