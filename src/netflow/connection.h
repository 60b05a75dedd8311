// SPDX-License-Identifier: GPL-2.0-or-later
//
// One OpenFlow connection as a pure state machine: no I/O and no clock inside. Bytes and the time
// go in, messages and bytes to send come out. It agrees on the version, answers echo requests, and
// asks for an echo when nothing was heard for a while.
//
//   (received | advance | send | sent)*   in any order, until failure() says that it is over
//
// Thread rule: one thread at a time.
#pragma once

#include <deque>

#include "netflow/message.h"

namespace vmigrate::netflow {

struct ConnectionTimes {
    milliseconds handshake{5000};     ///< from the beginning to the switch's hello
    milliseconds probe_after{5000};   ///< silence after which an echo is requested
    milliseconds probe_answer{5000};  ///< silence after that which ends the connection
};

class Connection {
  public:
    enum class State {
        greeting,  ///< hello is on its way; next: ready, failed
        ready,     ///< requests are answered; next: failed
        failed     ///< failure() says why; nothing more happens
    };

    explicit Connection(TimePoint now, ConnectionTimes times = {});

    State state() const { return state_; }
    /// REQUIRES: state() == State::failed.
    const Error& failure() const { return failure_; }

    /// What came from the switch; it may begin and end within a message.
    void received(OctetView octets, TimePoint now);
    /// The time went on. Call it at deadline(), or more often.
    void advance(TimePoint now);
    /// When something must happen although nothing was received; nothing after a failure.
    std::optional<TimePoint> deadline() const;
    /// The transport ended or broke.
    void fail_with(Error error);

    /// Queues a message, in state greeting, too. Error (usage): too large for a message.
    Result<Xid> send(const Message& message);
    /// What is to be sent, and how much of it was.
    OctetView outgoing() const;
    void sent(std::size_t count);

    /// The next message from the switch; hello and echoes are dealt with here.
    std::optional<Envelope> next();

  private:
    void take(Envelope envelope);
    void greeted(const Hello& hello);

    ConnectionTimes times_;
    State state_ = State::greeting;
    Error failure_;
    TimePoint began_;
    TimePoint heard_;
    bool probing_ = false;
    TimePoint probed_;
    Xid next_xid_ = 1;
    Octets in_;
    Octets out_;
    std::size_t out_done_ = 0;
    std::deque<Envelope> messages_;
};

}  // namespace vmigrate::netflow
