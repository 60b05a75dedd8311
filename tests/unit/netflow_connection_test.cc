// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
//
// The connection's state machine: what is told to it, line by line, and the transcript.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <sstream>

#include "netflow/connection.h"

using namespace vmigrate;
using namespace vmigrate::netflow;

namespace {

Octets encoded(const Message& message, Xid xid) {
    Octets octets;
    REQUIRE(encode(octets, message, xid));
    return octets;
}

/// Time in ms since the beginning, events, and what the connection does.
class Script {
  public:
    Script() : connection_(TimePoint(), {milliseconds(100), milliseconds(500), milliseconds(200)}) {
        look();
    }

    Script& hears(const Message& message, Xid xid) { return hears(encoded(message, xid)); }
    Script& hears(OctetView octets) {
        connection_.received(octets, now_);
        return look();
    }
    Script& at(int ms) {
        now_ = TimePoint() + milliseconds(ms);
        connection_.advance(now_);
        return look();
    }
    Script& asks(const Message& message) {
        REQUIRE(connection_.send(message));
        return look();
    }
    Connection& connection() { return connection_; }
    std::string transcript() const { return text_; }

  private:
    Script& look() {
        const auto ms = std::chrono::duration_cast<milliseconds>(now_ - TimePoint()).count();
        while (!connection_.outgoing().empty()) {
            const auto out = connection_.outgoing();
            const auto size = *message_size(out);
            text_ += fmt::format("{} send {}\n", ms, format(*decode(out.first(size))));
            connection_.sent(size);
        }
        if (connection_.state() == Connection::State::ready && state_ != connection_.state()) {
            text_ += fmt::format("{} ready\n", ms);
        }
        while (const auto envelope = connection_.next()) {
            text_ += fmt::format("{} told {}\n", ms, format(*envelope));
        }
        if (connection_.state() == Connection::State::failed && state_ != connection_.state()) {
            text_ += fmt::format("{} {}\n", ms, connection_.failure().message);
        }
        state_ = connection_.state();
        return *this;
    }

    Connection connection_;
    TimePoint now_{};
    Connection::State state_ = Connection::State::greeting;
    std::string text_;
};

}  // namespace

TEST_CASE("the usual life of a connection") {
    Script script;
    script.at(3).hears(Hello{}, 9).asks(BarrierRequest{}).hears(BarrierReply{}, 2);
    script.at(100).hears(EchoRequest{{1, 2}}, 77);
    script.at(599).at(600).at(650).hears(EchoReply{}, 3).at(1149).at(1150).at(1350).at(9999);
    CHECK(script.transcript() ==
          "0 send xid=0x1 HELLO versions=0x20\n"
          "3 ready\n"
          "3 send xid=0x2 BARRIER_REQUEST\n"
          "3 told xid=0x2 BARRIER_REPLY\n"
          "100 send xid=0x4d ECHO_REPLY 2 bytes\n"
          "600 send xid=0x3 ECHO_REQUEST 0 bytes\n"
          "1150 send xid=0x4 ECHO_REQUEST 0 bytes\n"
          "1350 the switch has gone silent\n");
}

TEST_CASE("a switch that says nothing is given up") {
    CHECK(Script().at(99).at(100).transcript() ==
          "0 send xid=0x1 HELLO versions=0x20\n"
          "100 the switch did not say hello in time\n");
}

TEST_CASE("a switch of other versions is told so") {
    CHECK(Script().hears(Hello{0x12}, 1).transcript() ==
          "0 send xid=0x1 HELLO versions=0x20\n"
          "0 send xid=0x2 ERROR hello refused: no common OpenFlow version\n"
          "0 the switch does not speak OpenFlow 1.4 (see the bridge's protocols)\n");
    CHECK(Script().hears(ErrorMessage{}, 1).transcript() ==
          "0 send xid=0x1 HELLO versions=0x20\n"
          "0 hello refused: no common OpenFlow version\n");
    CHECK(Script().hears(BarrierReply{}, 1).transcript() ==
          "0 send xid=0x1 HELLO versions=0x20\n"
          "0 the switch did not begin with a hello\n");
}

TEST_CASE("messages may come byte by byte, or many at once") {
    auto stream = encoded(Hello{}, 1);
    for (Xid xid = 5; xid < 8; ++xid) {
        const auto reply = encoded(BarrierReply{}, xid);
        stream.insert(stream.end(), reply.begin(), reply.end());
    }
    Script at_once;
    at_once.hears(stream);
    Script slowly;
    for (const auto octet : stream) {
        slowly.hears(OctetView(&octet, 1));
    }
    CHECK(at_once.transcript() == slowly.transcript());
    CHECK(at_once.transcript().find("told xid=0x7 BARRIER_REPLY") != std::string::npos);
}

TEST_CASE("nonsense ends a connection, what came before it is kept") {
    auto stream = encoded(Hello{}, 1);
    const auto reply = encoded(BarrierReply{}, 5);
    stream.insert(stream.end(), reply.begin(), reply.end());
    stream.insert(stream.end(), {5, 21, 0, 3, 0, 0, 0, 0});
    Script script;
    script.hears(stream).hears(reply).at(5000);
    CHECK(script.transcript() ==
          "0 send xid=0x1 HELLO versions=0x20\n"
          "0 told xid=0x5 BARRIER_REPLY\n"
          "0 the switch sent a message without a header\n");
    CHECK(!script.connection().deadline());
}
