// SPDX-License-Identifier: GPL-2.0-or-later
//
// A bridge's controller makes the flows to a guest anew after the guest has moved, without a gap.
// Pure: one bridge's flows and their changes in, changes and packets for its controller out. Thread
// rule: one thread at a time.
//
// A flow that leads to the guest's new place was made for the old one and changed since. It is
// *held* until its controller has made its own of the same key: held flows have a cookie of ours,
// by which the other is known, and are put back when somebody deletes them, such as the controller
// itself when it hears of the move. It is asked by packets that such a flow catches. What it makes
// that leads to the old place, because it does not know better yet, is put right.
//
//   begin (take | ask)* end
//
// The destination's copies of the source's flows are ours already; others put them back and hand
// them over.
#pragma once

#include "netflow/flow_copy.h"
#include "netflow/move.h"
#include "netflow/sample_packet.h"

namespace vmigrate::netflow {

class Refresh {
  public:
    enum class Role { source, destination, peer };
    Refresh(Move move, Role role) : move_(std::move(move)), role_(role) {}

    struct Work {
        std::vector<FlowMod> changes;
        std::vector<PacketOut> questions;  ///< when these are made
        void append(Work more);
    };
    /// `flows`: all of the bridge that match one of the guest's addresses, with their flags. What
    /// take() is given afterwards may have happened before.
    Work begin(const FlowList& flows);
    Work take(const FlowChange& change);
    /// Questions for flows that are not made anew, at most so many; the next call goes on there.
    Work ask(std::size_t most);
    /// Held flows get back the cookie and the times they had; those that somebody has deleted go.
    Work end();

    std::size_t waiting() const;  ///< flows that are not made anew
    /// The controller has deleted flows of the guest, or made some that lead to its new place.
    bool controller_knows() const { return controller_knows_; }
    /// One line; empty: all is made anew.
    std::string problem() const;

  private:
    struct Held {
        Flow flow;              ///< as it is held
        Flow original;          ///< as it was found
        bool copy = false;      ///< of the source's flow; somebody else's to put back
        bool seen = false;      ///< held; what was told before is of before
        bool replaced = false;  ///< by the controller's own of the same key
        bool served = false;    ///< by another flow of the controller
        bool deleted = false;
        unsigned restored = 0;
        bool is_made() const { return replaced || served; }
    };
    bool leads_to_guest(const Flow& flow) const;
    /// The flow made to lead to the guest, where it leads to its old place.
    std::optional<Flow> put_right(const Flow& flow) const;
    Work removed(const FlowKey& key, Held& held, const FlowChange& change);
    Work answered(Held& held, const Flow& flow);
    Work appeared(const Flow& flow);
    Work restored(Held& held);

    Move move_;
    Role role_;
    std::unordered_map<FlowKey, Held, FlowKeyHash> held_;
    std::vector<FlowKey> order_;  ///< of questions; may name what is not held any more
    std::size_t next_ = 0;
    bool controller_knows_ = false;
    unsigned wrong_ = 0;  ///< flows that led to the old place
};

}  // namespace vmigrate::netflow
