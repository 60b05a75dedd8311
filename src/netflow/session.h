// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Connection on a Stream: bytes go in and out when there is time for it. Thread rule: one thread
// at a time.
#pragma once

#include "netflow/connection.h"
#include "netflow/endpoint.h"

namespace vmigrate::netflow {

class Session {
  public:
    /// Returns when the switch has said hello. Errors: as of open_stream; network, when it speaks
    /// another version.
    static Result<Session> open(const Endpoint& endpoint, milliseconds timeout,
                                ConnectionTimes times = {});

    /// For poll(): the events to wait for, and when pump() is due without any.
    int fd() const { return stream_->fd(); }
    short events() const;
    std::optional<TimePoint> deadline() const;

    /// Reads and writes what is possible without waiting. Error: the connection is over.
    Result<void> pump();
    /// Waits for something to happen, at most until `until`, then pumps. Error (unreachable): also
    /// when the time is over.
    Result<void> wait(TimePoint until);

    Result<Xid> send(const Message& message) { return connection_.send(message); }
    std::optional<Envelope> next() { return connection_.next(); }

  private:
    Session(std::unique_ptr<Stream> stream, ConnectionTimes times);
    Result<void> read_all();
    Result<void> write_all();

    std::unique_ptr<Stream> stream_;
    Connection connection_;
    Octets buffer_;
    bool more_to_read_ = false;  ///< perhaps inside of TLS, where poll() does not see it
};

}  // namespace vmigrate::netflow
