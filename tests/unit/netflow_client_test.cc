// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
//
// The parts of the clients that need no switch: the copy of its flows, endpoints, JSON.
#include <doctest/doctest.h>

#include "netflow/flow_copy.h"
#include "netflow/ovsdb.h"

using namespace vmigrate;
using namespace vmigrate::netflow;
using Event = FlowUpdate::Event;
using Kind = FlowChange::Kind;

namespace {

Flow flow_to(Port port, std::uint16_t priority = 10) {
    Flow flow;
    flow.priority = priority;
    flow.match.set(field::in_port, Port{1});
    flow.instructions = Instructions::apply(Actions().output(port));
    return flow;
}

FlowUpdate told(Event event, Flow flow) {
    return {event, std::move(flow), RemovedReason::deleted, 0};
}

}  // namespace

TEST_CASE("a removed flow is told with what it did") {
    FlowCopy copy;
    CHECK(copy.apply(told(Event::added, flow_to(Port{2})))->kind == Kind::added);
    auto bare = flow_to(Port{2});
    bare.instructions = {};
    const auto change = copy.apply(told(Event::removed, bare));
    REQUIRE(change);
    CHECK(*change == FlowChange{Kind::removed, flow_to(Port{2}), RemovedReason::deleted});
    CHECK(copy.flows().empty());
    CHECK(!copy.apply(told(Event::removed, bare)));
}

TEST_CASE("only real changes are told") {
    FlowCopy copy;
    CHECK(copy.apply(told(Event::initial, flow_to(Port{2}))));
    CHECK(!copy.apply(told(Event::modified, flow_to(Port{2}))));
    CHECK(copy.apply(told(Event::modified, flow_to(Port{3})))->kind == Kind::modified);
    CHECK(!copy.apply({.event = Event::paused}));
    CHECK(!copy.apply({.event = Event::resumed}));
    CHECK(!copy.apply({.event = Event::abbreviated, .xid = 4}));
}

TEST_CASE("a new dump tells the difference") {
    FlowCopy copy;
    for (std::uint16_t priority = 1; priority <= 4; ++priority) {
        CHECK(copy.apply(told(Event::initial, flow_to(Port{2}, priority))));
    }
    copy.begin_dump();
    CHECK(!copy.apply(told(Event::initial, flow_to(Port{2}, 1))));
    CHECK(copy.apply(told(Event::initial, flow_to(Port{9}, 2)))->kind == Kind::modified);
    CHECK(copy.apply(told(Event::initial, flow_to(Port{2}, 7)))->kind == Kind::added);
    CHECK(copy.apply(told(Event::removed, flow_to(Port{2}, 3)))->kind == Kind::removed);
    const auto gone = copy.end_dump();
    REQUIRE(gone.size() == 1);
    CHECK(gone[0] == FlowChange{Kind::removed, flow_to(Port{2}, 4), std::nullopt});
    CHECK(copy.flows().size() == 3);
    CHECK(copy.end_dump().empty());
}

TEST_CASE("endpoints are read as Open vSwitch writes them") {
    CHECK(parse_endpoint("unix:/run/x.mgmt")->path == "/run/x.mgmt");
    CHECK(parse_endpoint("tcp:10.0.0.1:6640")->port == 6640);
    CHECK(parse_endpoint("tcp:host")->port == 6653);
    CHECK(parse_endpoint("ssl:[fe80::1]:7")->host == "fe80::1");
    for (const auto* text : {"unix:/a:b", "tcp:10.0.0.1:6640", "ssl:[fe80::1]:7"}) {
        CHECK(format(*parse_endpoint(text)) == text);
    }
    for (const auto* text : {"", "tcp", "tcp:", "tcp::1", "tcp:h:", "tcp:h:0", "tcp:h:70000",
                             "tcp:h:1x", "udp:h:1", "unix:", "ssl:[::1", "ssl:[::1]7"}) {
        CAPTURE(text);
        CHECK(!parse_endpoint(text));
    }
}

TEST_CASE("a stream is cut into JSON objects") {
    const std::string first = R"({"a":"}\"{\\","b":{"c":[1]}})";
    const std::string second = R"({"id":2})";
    JsonSplitter splitter;
    std::vector<std::string> found;
    for (const char c : first + "\n" + second) {
        splitter.add({&c, 1});
        if (auto object = splitter.next().value()) {
            found.push_back(*object);
        }
    }
    REQUIRE(found.size() == 2);
    CHECK(found[0] == first);
    CHECK(found[1].find(second) != std::string::npos);
    splitter.add("HTTP/1.1");
    CHECK(!splitter.next());
}
