// SPDX-License-Identifier: GPL-2.0-or-later
//
// A copy of a switch's flows, kept up to date by what its flow monitor tells, and the changes that
// come of it. Pure: no I/O and no clock. Thread rule: one thread at a time.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "netflow/message.h"

namespace vmigrate::netflow {

struct FlowChange {
    enum class Kind {
        added,
        modified,      ///< `flow` is as it is now
        removed,       ///< `flow` is as it was, instructions included
        synchronized,  ///< all flows have been told; no flow
        lost           ///< the connection is, until `synchronized` the copy may be behind; no flow
    };
    Kind kind = Kind::added;
    Flow flow;
    /// Of `removed`; nothing where it happened while nobody watched.
    std::optional<RemovedReason> reason;
    friend bool operator==(const FlowChange&, const FlowChange&) = default;
};

class FlowCopy {
  public:
    using Flows = std::unordered_map<FlowKey, Flow, FlowKeyHash>;

    const Flows& flows() const { return flows_; }

    /// What it changes; nothing for what is known, for removals of what is not, and for events
    /// without a flow.
    std::optional<FlowChange> apply(FlowUpdate update);

    /// From here to end_dump() the switch tells all of its flows again.
    void begin_dump();
    /// The removal of those that it did not tell.
    std::vector<FlowChange> end_dump();

  private:
    std::optional<FlowChange> put(Flow flow);
    std::optional<FlowChange> drop(const Flow& flow, RemovedReason reason);

    Flows flows_;
    /// Flows that were there before the dump and were not told yet.
    std::unordered_set<FlowKey, FlowKeyHash> unseen_;
};

}  // namespace vmigrate::netflow
