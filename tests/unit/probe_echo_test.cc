// LINK: vmigrate_probe
// LABELS: unit threads
// SPDX-License-Identifier: GPL-2.0-or-later
#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "probe/echo_probe.h"
#include "probe/echo_socket.h"

using namespace vmigrate;
using namespace vmigrate::probe;

namespace {

/// Neither root nor in a group that may ping, or no such protocol here.
bool impossible(const std::string& address) {
    const auto socket = EchoSocket::open(address);
    if (!socket) {
        MESSAGE(address << ": skipped: " << socket.error().message);
    }
    return !socket;
}

}  // namespace

TEST_CASE("this machine answers itself, each time once") {
    for (const std::string address : {"127.0.0.1", "::1"}) {
        CAPTURE(address);
        if (impossible(address)) {
            continue;
        }
        auto probe = start_echo(address);
        REQUIRE_MESSAGE(probe.has_value(), probe.error().message);
        std::this_thread::sleep_for(milliseconds(200));
        const auto counts = (*probe)->end();
        // on a machine with much to do it may be late again and again, but it never asks more often
        CHECK(counts.sent > 20);
        CHECK(counts.sent < 1000);
        CHECK(counts.lost == 0);
        CHECK(counts.duplicated == 0);
        CHECK(counts.reordered == 0);
        CHECK(counts.longest_gap > microseconds(0));
        CHECK((*probe)->end().sent == counts.sent);
        const auto slices = (*probe)->slices();
        CHECK(slices.size() >= 2);
        std::uint64_t sent = 0;
        for (const auto& slice : slices) {
            sent += slice.sent;
            CHECK(slice.lost == 0);
        }
        CHECK(sent == counts.sent);
    }
}

TEST_CASE("two probes of the same address count their own answers alone") {
    if (impossible("127.0.0.1")) {
        return;
    }
    auto one = start_echo("127.0.0.1");
    auto other = start_echo("127.0.0.1");
    REQUIRE((one && other));
    std::this_thread::sleep_for(milliseconds(100));
    for (const auto& counts : {(*one)->end(), (*other)->end()}) {
        CHECK(counts.lost == 0);
        CHECK(counts.duplicated == 0);
    }
}

TEST_CASE("a probe that nobody ends ends by itself") {
    if (!impossible("127.0.0.1")) {
        CHECK(start_echo("127.0.0.1").has_value());
    }
}

TEST_CASE("what is no address is said") {
    CHECK(start_echo("web1").error().kind == ErrorKind::usage);
    CHECK(start_echo("web1").error().message.find("web1") != std::string::npos);
    CHECK(start_echo("10.0.0").error().kind == ErrorKind::usage);
}
