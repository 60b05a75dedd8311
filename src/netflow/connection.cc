// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/connection.h"

#include <utility>

namespace vmigrate::netflow {

Connection::Connection(TimePoint now, ConnectionTimes times)
    : times_(times), began_(now), heard_(now) {
    static_cast<void>(send(Hello{}));  // never too large
}

void Connection::received(OctetView octets, TimePoint now) {
    if (state_ == State::failed || octets.empty()) {
        return;
    }
    heard_ = now;
    probing_ = false;
    in_.insert(in_.end(), octets.begin(), octets.end());
    std::size_t done = 0;
    while (state_ != State::failed) {
        const auto rest = OctetView(in_).subspan(done);
        const auto size = message_size(rest);
        if (!size || (*size >= header_size && *size > rest.size())) {
            break;
        }
        if (*size < header_size) {
            fail_with({ErrorKind::network, "the switch sent a message without a header"});
            break;
        }
        auto envelope = decode(rest.first(*size));
        if (!envelope) {
            fail_with(envelope.error());
            break;
        }
        done += *size;
        take(std::move(*envelope));
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Connection::take(Envelope envelope) {
    if (const auto* hello = std::get_if<Hello>(&envelope.message)) {
        greeted(*hello);
    } else if (state_ == State::greeting) {
        const auto* error = std::get_if<ErrorMessage>(&envelope.message);
        fail_with({ErrorKind::network,
                   error != nullptr ? format(*error) : "the switch did not begin with a hello"});
    } else if (auto* echo = std::get_if<EchoRequest>(&envelope.message)) {
        static_cast<void>(encode(out_, EchoReply{std::move(echo->data)}, envelope.xid));
    } else if (!std::holds_alternative<EchoReply>(envelope.message)) {
        messages_.push_back(std::move(envelope));
    }
}

void Connection::greeted(const Hello& hello) {
    if ((hello.versions & 1U << openflow14) == 0) {
        static_cast<void>(send(ErrorMessage{}));  // hello failed: incompatible
        fail_with({ErrorKind::network,
                   "the switch does not speak OpenFlow 1.4 (see the bridge's protocols)"});
    } else if (state_ == State::greeting) {
        state_ = State::ready;
    }
}

void Connection::advance(TimePoint now) {
    if (state_ == State::greeting && now >= began_ + times_.handshake) {
        fail_with({ErrorKind::unreachable, "the switch did not say hello in time"});
    } else if (state_ == State::ready && probing_ && now >= probed_ + times_.probe_answer) {
        fail_with({ErrorKind::unreachable, "the switch has gone silent"});
    } else if (state_ == State::ready && !probing_ && now >= heard_ + times_.probe_after) {
        static_cast<void>(send(EchoRequest{}));
        probing_ = true;
        probed_ = now;
    }
}

std::optional<TimePoint> Connection::deadline() const {
    switch (state_) {
        case State::greeting:
            return began_ + times_.handshake;
        case State::ready:
            return probing_ ? probed_ + times_.probe_answer : heard_ + times_.probe_after;
        case State::failed:
            break;
    }
    return std::nullopt;
}

void Connection::fail_with(Error error) {
    if (state_ != State::failed) {
        state_ = State::failed;
        failure_ = std::move(error);
    }
}

Result<Xid> Connection::send(const Message& message) {
    const Xid xid = next_xid_;
    if (auto encoded = encode(out_, message, xid); !encoded) {
        return fail(encoded.error());
    }
    // 0 is the switch's, for what it sends unasked
    next_xid_ = next_xid_ == ~Xid{0} ? 1 : next_xid_ + 1;
    return xid;
}

OctetView Connection::outgoing() const {
    return OctetView(out_).subspan(out_done_);
}

void Connection::sent(std::size_t count) {
    out_done_ += count;
    if (out_done_ == out_.size()) {
        out_.clear();
        out_done_ = 0;
    }
}

std::optional<Envelope> Connection::next() {
    if (messages_.empty()) {
        return std::nullopt;
    }
    auto envelope = std::move(messages_.front());
    messages_.pop_front();
    return envelope;
}

}  // namespace vmigrate::netflow
