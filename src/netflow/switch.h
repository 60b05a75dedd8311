// SPDX-License-Identifier: GPL-2.0-or-later
//
// A bridge of Open vSwitch, by requests that wait for their answer. Each has `timeout` to be done;
// one that ran out of it leaves the connection usable, a late answer is dropped, but whether the
// request was carried out is not known.
//
// Errors of all requests: unreachable (the connection is over, or no answer in time), network (the
// switch refused; says what). After the first, connect anew. A switch ends a connection that does
// not answer its echo requests (every 5 s by TCP and TLS, 60 s by a unix socket): between requests
// call on_ready() when fd() is, or connect for each purpose. Thread rule: one thread at a time.
#pragma once

#include <deque>

#include "netflow/session.h"

namespace vmigrate::netflow {

class Switch {
  public:
    static Result<Switch> connect(const Endpoint& endpoint, milliseconds timeout);

    void set_timeout(milliseconds timeout) { timeout_ = timeout; }

    Result<std::vector<FlowStats>> dump_flows(const FlowFilter& filter = {});
    /// Done when it returns, and in effect a moment later: a packet may go by what the switch has
    /// found out for an earlier one.
    Result<void> change(const FlowMod& mod);
    /// All of the changes, in order and at once, or none: the switch is asked to commit only when
    /// it has taken each of them.
    Result<void> change_all(std::span<const FlowMod> mods);
    /// Sends them and does not wait. What the switch refuses is not told; barrier() returns when it
    /// has seen them all.
    Result<void> post(std::span<const FlowMod> mods);
    Result<void> post(const PacketOut& packet);
    Result<void> barrier();
    Result<std::vector<PortDescription>> ports();
    /// Error (not_found): there is no such port.
    Result<PortCounters> counters(Port port);
    Result<FeaturesReply> features();
    Result<void> packet_out(const PacketOut& packet);

    /// Which messages come unasked from now on: PORT_STATUS, FLOW_REMOVED, PACKET_IN; of the last
    /// those for `controller`, see SetControllerId.
    Result<void> subscribe(const SetAsync& which, std::uint16_t controller = 0);
    /// The next of them that is here; call on_ready() when fd() is, or at deadline().
    std::optional<Envelope> next_event();
    int fd() const { return session_.fd(); }
    short events() const { return session_.events(); }
    std::optional<TimePoint> deadline() const { return session_.deadline(); }
    Result<void> on_ready();

  private:
    Switch(Session session, milliseconds timeout)
        : session_(std::move(session)), timeout_(timeout) {}

    /// The next answer to one of the requests `first` to `last`; others are events or dropped.
    Result<Envelope> answer(Xid first, Xid last, TimePoint until);
    Result<Envelope> ask(const Message& request);
    /// Reads the answers up to that to `last`; the first error among them.
    Result<void> settle(Xid first, Xid last, TimePoint until);
    /// The same after a barrier.
    Result<void> settle(Xid first, TimePoint until);
    Result<void> control(std::uint32_t bundle, BundleControl::Type type, TimePoint until);
    void keep(Envelope envelope);
    TimePoint until() const { return std::chrono::steady_clock::now() + timeout_; }

    Session session_;
    milliseconds timeout_;
    std::uint32_t next_bundle_ = 1;
    std::deque<Envelope> events_;
};

}  // namespace vmigrate::netflow
