// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/session.h"

#include <poll.h>

#include <algorithm>

namespace vmigrate::netflow {
namespace {

constexpr std::size_t buffer_size = 256UL * 1024;
/// A peer that sends without end must not keep us from writing and from the clock.
constexpr int most_reads = 64;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

Session::Session(std::unique_ptr<Stream> stream, ConnectionTimes times)
    : stream_(std::move(stream)), connection_(now(), times), buffer_(buffer_size) {}

Result<Session> Session::open(const Endpoint& endpoint, milliseconds timeout,
                              ConnectionTimes times) {
    const auto until = now() + timeout;
    auto stream = open_stream(endpoint, until);
    if (!stream) {
        return fail(stream.error());
    }
    Session session(std::move(*stream), times);
    auto alive = session.pump();
    while (alive && session.connection_.state() == Connection::State::greeting) {
        alive = session.wait(until);
    }
    if (!alive) {
        return fail(alive.error().kind, format(endpoint) + ": " + alive.error().message);
    }
    return session;
}

short Session::events() const {
    return connection_.outgoing().empty() ? POLLIN : POLLIN | POLLOUT;
}

Result<void> Session::pump() {
    auto done = read_all();
    connection_.advance(now());
    if (done) {
        done = write_all();
    }
    // what was received before the end is kept, and so is the first reason
    if (!done) {
        connection_.fail_with(done.error());
    }
    if (connection_.state() == Connection::State::failed) {
        return fail(connection_.failure());
    }
    return {};
}

std::optional<TimePoint> Session::deadline() const {
    return more_to_read_ ? std::optional(TimePoint()) : connection_.deadline();
}

Result<void> Session::read_all() {
    more_to_read_ = true;
    for (int reads = 0; reads < most_reads; ++reads) {
        const auto count = stream_->read(buffer_);
        if (!count) {
            return fail(count.error());
        }
        if (*count == 0) {
            more_to_read_ = false;
            break;
        }
        connection_.received(OctetView(buffer_).first(*count), now());
    }
    return {};
}

Result<void> Session::write_all() {
    while (!connection_.outgoing().empty()) {
        const auto count = stream_->write(connection_.outgoing());
        if (!count) {
            return fail(count.error());
        }
        if (*count == 0) {
            break;
        }
        connection_.sent(*count);
    }
    return {};
}

Result<void> Session::wait(TimePoint until) {
    const auto due = std::min(until, deadline().value_or(until));
    if (!wait_for(fd(), events(), due) && now() >= until) {
        return fail(ErrorKind::unreachable, "the switch did not answer in time");
    }
    return pump();
}

}  // namespace vmigrate::netflow
