// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "netflow_golden.h"

using namespace vmigrate;
using namespace vmigrate::netflow;
using test::golden_messages;

namespace {

/// What a switch's message means must survive; bytes that nobody reads (padding, a buffer's
/// number) may differ.
void check_round_trip(const Envelope& envelope) {
    Octets octets;
    REQUIRE(encode(octets, envelope.message, envelope.xid));
    const auto again = decode(octets);
    REQUIRE(again);
    CHECK(*again == envelope);
}

/// Nothing but the Result counts, and that a sanitizer is silent.
void decode_hostile(OctetView octets) {
    // a copy of its own, so that one byte too far is outside of the allocation
    const Octets copy(octets.begin(), octets.end());
    if (const auto envelope = decode(copy)) {
        CHECK(!format(*envelope).empty());
        Octets out;
        static_cast<void>(encode(out, envelope->message, envelope->xid));
        if (const auto* reply = std::get_if<FlowStatsReply>(&envelope->message)) {
            for (auto stats : reply->flows) {
                stats.flow.instructions.rewrite({[](Port) { return Port{9}; },
                                                 [](Ipv4) {
                                                     return Ipv4{{10, 0, 0, 9}};
                                                 }});
            }
        }
    }
}

}  // namespace

TEST_CASE("messages of the real switch are understood") {
    std::set<std::size_t> kinds;
    for (const auto& golden : golden_messages()) {
        CAPTURE(golden.name);
        const auto envelope = decode(golden.octets);
        REQUIRE_MESSAGE(envelope, golden.name);
        kinds.insert(envelope->message.index());
        CHECK(format(*envelope) == golden.text);
        check_round_trip(*envelope);
    }
    // every kind of message but the one for all others
    CHECK(kinds.size() == std::variant_size_v<Message> - 1);
    CHECK(!kinds.contains(std::variant_size_v<Message> - 1));
}

TEST_CASE("what we encode is what ovs-ofctl encodes, byte for byte") {
    for (const auto& golden : golden_messages()) {
        // a hello, and an error before it, may be of another version
        if (golden.octets[0] != openflow14) {
            continue;
        }
        CAPTURE(golden.name);
        const auto envelope = decode(golden.octets);
        REQUIRE(envelope);
        Octets octets;
        REQUIRE(encode(octets, envelope->message, envelope->xid));
        CHECK(octets == golden.octets);
    }
}

TEST_CASE("every truncated message is an error") {
    for (const auto& golden : golden_messages()) {
        CAPTURE(golden.name);
        for (std::size_t size = 0; size < golden.octets.size(); ++size) {
            const auto prefix = OctetView(golden.octets).first(size);
            CHECK(!decode(prefix));
            // also where the header has been told of it
            Octets shortened(prefix.begin(), prefix.end());
            if (size >= header_size) {
                write_u16(&shortened[2], static_cast<std::uint16_t>(size));
                decode_hostile(shortened);
            }
        }
    }
}

TEST_CASE("changed bytes never lead outside of a message") {
    const auto messages = golden_messages();
    std::mt19937 random(4711);
    const char* rounds = std::getenv("VMIGRATE_FUZZ_ROUNDS");
    const long count = rounds != nullptr ? std::atol(rounds) : 100'000;
    for (long round = 0; round < count; ++round) {
        auto octets = messages[random() % messages.size()].octets;
        for (auto flips = 1 + random() % 4; flips > 0; --flips) {
            octets[random() % octets.size()] = static_cast<std::uint8_t>(random());
        }
        if (random() % 4 == 0) {
            octets.resize(random() % (octets.size() + 1));
        }
        if (octets.size() >= header_size && random() % 8 != 0) {
            octets[0] = openflow14;
            write_u16(&octets[2], static_cast<std::uint16_t>(octets.size()));
        }
        decode_hostile(octets);
    }
}

TEST_CASE("actions nested without end are refused, not followed") {
    Octets actions;
    for (std::uint16_t depth = 1; depth <= 3000; ++depth) {
        Octets outer;
        Writer out(outer);
        out.u16(action::vendor);
        out.u16(static_cast<std::uint16_t>(16 + actions.size()));
        out.u32(action::nicira);
        out.u16(action::clone);
        out.zeros(6);
        out.octets(actions);
        actions = std::move(outer);
    }
    CHECK(!Actions::from_octets(actions));
}

TEST_CASE("what has no room in a message is refused") {
    Octets out{1, 2, 3};
    PacketOut packet;
    packet.packet.resize(65536);
    CHECK(!encode(out, packet, 1));
    CHECK(out == Octets{1, 2, 3});
}
