// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps copies of the guest's flows on the destination as they are on the source: what to change
// there, from all flows or from one change. Pure: knows what it wants, not whether that was done;
// compare() finds what was not, a few flows at a time, so that it delays nothing where there are
// very many. Thread rule: one thread at a time.
#pragma once

#include "netflow/choreography.h"
#include "netflow/guest_flows.h"
#include "netflow/walk.h"

namespace vmigrate::netflow {

class FlowSync {
  public:
    /// `copies`: those that there are already, for one that goes on where another one was.
    FlowSync(Move move, Surroundings there, const std::vector<HandedOver>& copies = {});

    /// The flow is on the source, or no more. For the destination. `destination` has its flows.
    std::vector<FlowMod> put(const Flow& flow, const FlowTable& destination);
    std::vector<FlowMod> drop(const FlowKey& key, const FlowTable& destination);
    struct Compared {
        std::vector<FlowMod> changes;
        bool round_is_over = false;  ///< all flows have been looked at since the last one was
    };
    /// What differs on the destination, whatever the reason, among the next flows of a round: at
    /// least `flows` of them. Flows of others stay, even where a copy has their key, unless they
    /// lead nowhere. `destination` is always the same table.
    Compared compare(const FlowTable& destination, std::size_t flows);

    /// Puts back the copy of this key, if one is wanted.
    std::optional<FlowMod> missing(const FlowKey& key) const;

    std::size_t size() const { return wanted_.size(); }
    /// All copies, whether they were told to be there already or not.
    std::vector<HandedOver> wanted() const;
    /// Those that are on the destination, to be handed over.
    std::vector<HandedOver> copies(const FlowTable& destination) const;
    /// Flows of the source that have no copy, and why.
    std::vector<std::string> left_out() const;

  private:
    struct Wanted {
        Flow copy;
        Flow original;
        std::size_t reasons = 0;  ///< flows of the source that it is the copy of
    };
    std::optional<FlowMod> change_for(const FlowKey& key, const Flow& copy,
                                      const FlowTable& destination) const;
    bool is_ours(const Flow& flow) const;

    Move move_;
    Surroundings there_;
    std::unordered_map<FlowKey, Wanted, FlowKeyHash> wanted_;    ///< by the copy's key
    std::unordered_map<FlowKey, FlowKey, FlowKeyHash> copy_of_;  ///< source's key -> copy's
    std::unordered_map<FlowKey, std::string, FlowKeyHash> left_out_;
    Walk strays_;
    Walk missing_;
    bool strays_done_ = false;  ///< of this round
};

}  // namespace vmigrate::netflow
