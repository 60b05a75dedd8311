// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tells of every change of a switch's flows, by a connection of its own (a switch only hints at the
// changes that came over the same one). First all flows come as `added`, then `synchronized`, then
// changes as they happen. When the connection breaks: `lost`, and it connects again by itself, with
// growing pauses; what changed meanwhile comes as changes, then again `synchronized`.
//
//   ready -> run -> next*, whenever fd() is ready or deadline() is over; both change with run()
//
// run() does not wait, except to connect, at most for the timeout. Thread rule: one at a time.
#pragma once

#include <deque>
#include <functional>

#include "netflow/flow_copy.h"
#include "netflow/session.h"

namespace vmigrate::netflow {

/// One set of flows to watch. Sets may overlap.
struct Watched {
    TableId table = TableId::all;
    Port out_port = Port::any;
    Match match;  ///< flows that are at least as specific
};

class FlowMonitor {
  public:
    using Wanted = std::function<bool(const Flow&)>;

    /// Nothing is watched: all flows are. Those that are not `wanted` are neither kept nor told of;
    /// one that was wanted stays until it is removed. Connects with the first run().
    FlowMonitor(Endpoint endpoint, std::vector<Watched> watched, milliseconds timeout,
                Wanted wanted = {});

    void run();
    std::optional<FlowChange> next();

    bool synchronized() const { return session_ && open_dumps_ == 0; }
    const FlowCopy::Flows& flows() const { return copy_.flows(); }
    /// Why the connection was lost or cannot be made; empty while it is there.
    const std::string& problem() const { return problem_; }

    /// Nothing while it is not connected.
    std::optional<int> fd() const;
    short events() const { return session_ ? session_->events() : short{0}; }
    TimePoint deadline() const;

    /// For threads that only wait: until a change is there, or false when `until` has passed.
    bool wait(TimePoint until);

  private:
    void connect(TimePoint now);
    Result<void> ask_for_all();
    void take(Envelope envelope);
    bool matters(const FlowUpdate& update) const;
    void lose(const Error& error, TimePoint now);

    Endpoint endpoint_;
    std::vector<Watched> watched_;
    milliseconds timeout_;
    Wanted wanted_;
    std::optional<Session> session_;
    FlowCopy copy_;
    Xid first_ask_ = 0;
    std::size_t open_dumps_ = 0;
    TimePoint dump_until_;
    TimePoint retry_at_;
    milliseconds pause_;
    std::string problem_;
    std::deque<FlowChange> changes_;
};

}  // namespace vmigrate::netflow
