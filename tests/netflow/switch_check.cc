// SPDX-License-Identifier: GPL-2.0-or-later
//
// switch_check DIRECTORY ENDPOINT: drives the library against a real Open vSwitch whose sockets are
// in DIRECTORY, with a bridge br0 that has the ports p1 (1) and p2 (2); ENDPOINT is how to reach
// br0. Commands on standard input restart and change it from outside: see
// tests/lab/netflow-switch.sh.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "must.h"
#include "netflow/flow_monitor.h"
#include "netflow/ovsdb.h"
#include "netflow/switch.h"

using namespace vmigrate;
using test::checks;
using namespace vmigrate::netflow;

namespace {

/// Lets the script around us act, and waits until it has.
void outside(const std::string& what) {
    std::cout << what << std::endl;
    std::string line;
    CHECK(std::getline(std::cin, line) && line == "done");
}

constexpr milliseconds patience{10000};

TimePoint soon() {
    return std::chrono::steady_clock::now() + patience;
}

Flow relay(std::uint16_t priority, std::uint32_t migration = 7) {
    Flow flow;
    flow.priority = priority;
    flow.cookie = MUST((OwnCookie{FlowKind::relay, migration, 1}.encode()));
    flow.match.set(field::in_port, Port{1}).set(field::eth_dst, Mac{{2, 0, 0, 0, 0, 9}});
    flow.instructions = Instructions::apply(Actions().output(Port{2}));
    return flow;
}

FlowChange next_change(FlowMonitor& monitor, FlowChange::Kind kind) {
    const auto until = soon();
    while (monitor.wait(until)) {
        while (auto change = monitor.next()) {
            if (change->kind == kind) {
                return *change;
            }
        }
    }
    std::fprintf(stderr, "FAIL: no change of kind %d (%s)\n", static_cast<int>(kind),
                 monitor.problem().c_str());
    std::exit(1);
}

std::size_t count(Switch& bridge, const CookieFilter& cookies = own_flows()) {
    FlowFilter filter;
    filter.cookies = cookies;
    return MUST(bridge.dump_flows(filter)).size();
}

void flows(Switch& bridge) {
    CHECK(MUST(bridge.features()).datapath_id != 0);
    MUST(bridge.change(FlowMod::add(relay(100))));
    const auto dumped = MUST(bridge.dump_flows());
    CHECK(dumped.size() == 1);
    CHECK(dumped[0].flow == relay(100));

    auto absent = relay(101);
    absent.match.set(field::in_port, Port{2});
    MUST(bridge.change(FlowMod::modify_strict(absent)));
    CHECK(count(bridge) == 1);  // a modify never inserts

    for (std::uint16_t priority = 200; priority < 210; ++priority) {
        MUST(bridge.change(FlowMod::add(relay(priority, 8))));
    }
    CHECK(count(bridge, flows_of(8)) == 10);
    MUST(bridge.change(FlowMod::remove_all(flows_of(8))));
    CHECK(count(bridge) == 1);
    MUST(bridge.change(FlowMod::remove_strict(FlowKey::of(relay(100)))));
    CHECK(count(bridge) == 0);
}

void bundles(Switch& bridge) {
    std::vector<FlowMod> mods{FlowMod::add(relay(1)), FlowMod::add(relay(2))};
    MUST(bridge.change_all(mods));
    CHECK(count(bridge) == 2);

    const Octets unknown{0, 4, 0, 16, 0, 0, 0, 0, 0, 0x55, 0, 8, 0, 0, 0, 0};
    auto bad = relay(3);
    bad.instructions = MUST(Instructions::from_octets(unknown));
    CHECK(!bridge.change(FlowMod::add(bad)));
    mods = {FlowMod::add(relay(4)), FlowMod::add(bad), FlowMod::add(relay(5))};
    const auto refused = bridge.change_all(mods);
    CHECK(!refused);
    CHECK(refused.error().message == "action refused: unknown action");
    CHECK(count(bridge) == 2);  // nothing of it
    MUST(bridge.change_all(std::vector{FlowMod::remove_all(own_flows())}));
    CHECK(count(bridge) == 0);
}

void ports(Switch& bridge) {
    bool found = false;
    for (const auto& port : MUST(bridge.ports())) {
        found = found || (port.name == "p1" && port.port == Port{1});
    }
    CHECK(found);
    MUST(bridge.subscribe({.packet_in = 0x3f, .port_status = 7, .flow_removed = 0x3f}));
    PacketOut packet;
    packet.in_port = Port{1};
    packet.actions.output(Port::controller);
    packet.packet = Octets(60, 0xab);
    MUST(bridge.packet_out(packet));
    const auto until = soon();
    for (;;) {
        while (auto event = bridge.next_event()) {
            if (const auto* in = std::get_if<PacketIn>(&event->message)) {
                CHECK(in->packet == packet.packet);
                CHECK(in->match.get(field::in_port) == Port{1});
                return;
            }
        }
        CHECK(wait_for(bridge.fd(), bridge.events(), until));
        MUST(bridge.on_ready());
    }
}

void monitor(Switch& bridge, const Endpoint& endpoint) {
    using Kind = FlowChange::Kind;
    FlowMonitor watch(endpoint, {}, milliseconds(2000));
    next_change(watch, Kind::synchronized);
    CHECK(watch.flows().empty());
    MUST(bridge.change(FlowMod::add(relay(50))));
    CHECK(next_change(watch, Kind::added).flow == relay(50));
    outside("delete-all");
    const auto removed = next_change(watch, Kind::removed);
    CHECK(removed.flow == relay(50));
    CHECK(removed.reason == RemovedReason::deleted);

    // what is lost with the switch is told after it has come back
    MUST(bridge.change(FlowMod::add(relay(51))));
    next_change(watch, Kind::added);
    outside("restart");
    next_change(watch, Kind::lost);
    const auto gone = next_change(watch, Kind::removed);
    CHECK(gone.flow == relay(51));
    CHECK(!gone.reason);
    next_change(watch, Kind::synchronized);
    CHECK(!bridge.barrier());
    auto again = MUST(Switch::connect(endpoint, patience));
    MUST(again.change(FlowMod::add(relay(52))));
    CHECK(next_change(watch, Kind::added).flow == relay(52));
    MUST(again.change(FlowMod::remove_all(own_flows())));
}

void database(const std::string& directory) {
    auto db =
        MUST(Ovsdb::connect(MUST(parse_endpoint("unix:" + directory + "/db.sock")), patience));
    const auto found = MUST(db.interfaces_of("an-id"));
    CHECK(found.size() == 1);
    CHECK(found[0].name == "p1");
    CHECK(found[0].port == Port{1});
    CHECK(MUST(db.interface_named("p2")).port == Port{2});
    CHECK(MUST(db.bridge_of("p1")) == "br0");
    CHECK(db.bridge_of("none").error().kind == ErrorKind::not_found);
    CHECK(db.interface_named("none").error().kind == ErrorKind::not_found);
    MUST(db.set_external_ids(Ovsdb::Table::bridge, "br0", {{"a", "1"}, {"b", "it's \"2\""}}));
    MUST(db.set_external_ids(Ovsdb::Table::bridge, "br0", {{"a", "3"}}));
    const ExternalIds expected{{"a", "3"}, {"b", "it's \"2\""}};
    CHECK(MUST(db.external_ids(Ovsdb::Table::bridge, "br0")) == expected);
    MUST(db.remove_external_ids(Ovsdb::Table::bridge, "br0", {"a", "b", "c"}));
    CHECK(MUST(db.external_ids(Ovsdb::Table::bridge, "br0")).empty());
    CHECK(!db.set_external_ids(Ovsdb::Table::bridge, "none", {{"a", "1"}}));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr,
                     "usage: switch_check DIRECTORY ENDPOINT [KEY CERTIFICATE AUTHORITY]\n");
        return 2;
    }
    auto endpoint = MUST(parse_endpoint(argv[2]));
    if (argc == 6) {
        endpoint.tls = {argv[3], argv[4], argv[5]};
    }
    CHECK(!Switch::connect(MUST(parse_endpoint("unix:/nowhere")), patience));
    auto bridge = MUST(Switch::connect(endpoint, patience));
    flows(bridge);
    bundles(bridge);
    ports(bridge);
    monitor(bridge, endpoint);
    database(argv[1]);
    std::fprintf(stderr, "%s: %d checks passed\n", argv[2], checks);
}
