// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include "netflow/flow.h"

using namespace vmigrate;
using namespace vmigrate::netflow;

namespace {

const Mac guest{{0x52, 0x54, 0, 0, 0, 1}};
const Ipv4 here{{10, 0, 0, 1}};
const Ipv4 there{{10, 0, 0, 2}};

}  // namespace

TEST_CASE("a match gives back what was set") {
    Match match;
    match.set(field::in_port, Port{64200}).set(field::tunnel_id, TunnelId{0x1234});
    match.set(field::eth_dst, guest).set(field::tun_src, here);
    CHECK(match.get(field::in_port) == Port{64200});
    CHECK(match.get(field::tunnel_id) == TunnelId{0x1234});
    CHECK(match.get(field::eth_dst) == guest);
    CHECK(match.get(field::tun_src) == here);
    CHECK(!match.get(field::eth_src));
    CHECK(format(match) == "in_port=64200,tun_id=0x1234,dl_dst=52:54:00:00:00:01,tun_src=10.0.0.1");
}

TEST_CASE("a value that is set again stays in its place") {
    Match match;
    match.set(field::eth_type, std::uint16_t{0x800}).set(field::ipv4_dst, here);
    match.set(field::eth_type, std::uint16_t{0x86dd});
    CHECK(format(match) == "dl_type=0x86dd,nw_dst=10.0.0.1");
    match.remove(field::eth_type.id);
    CHECK(format(match) == "nw_dst=10.0.0.1");
}

TEST_CASE("a masked value is not an exact one") {
    Match match;
    match.set(field::ipv4_dst, here, Ipv4{{255, 255, 255, 0}});
    CHECK(!match.get(field::ipv4_dst));
    CHECK(match.find(field::ipv4_dst.id)->mask.size() == 4);
    match.set(field::ipv4_dst, here, Ipv4{{255, 255, 255, 255}});
    CHECK(match.get(field::ipv4_dst) == here);
}

TEST_CASE("the order of a match's entries does not matter") {
    Match a;
    a.set(field::in_port, Port{1}).set(field::eth_dst, guest);
    Match b;
    b.set(field::eth_dst, guest).set(field::in_port, Port{1});
    CHECK(a == b);
    CHECK(a.hash() == b.hash());
    b.set(field::in_port, Port{2});
    CHECK(a != b);
}

TEST_CASE("ports and tunnel destinations are rewritten wherever they stand") {
    Actions actions;
    actions.set_field(field::tun_dst, here).output(Port{7}).output(Port::local);
    actions.load(field::in_port_of10, std::uint16_t{7}).load(field::tun_dst, here);
    actions.load(field::reg(3), 7U).resubmit(TableId{4});
    auto instructions = Instructions::apply(actions);
    const auto size = instructions.octets().size();
    instructions.rewrite({[](Port port) { return port == Port{7} ? Port{9} : port; },
                          [](Ipv4 ip) { return ip == here ? there : ip; }});
    CHECK(instructions.octets().size() == size);
    CHECK(format(instructions) ==
          "set_field:10.0.0.2->tun_dst,output:9,LOCAL,load:0x9->NXM_OF_IN_PORT[],"
          "load:0xa000002->tun_dst,load:0x7->reg3,resubmit(,4)");
}

TEST_CASE("a rewrite of nothing changes nothing") {
    auto instructions = Instructions::apply(Actions().output(Port{7}).output(Port::in_port));
    const auto before = instructions;
    instructions.rewrite({});
    CHECK(instructions == before);
    instructions.rewrite({[](Port port) { return port; }, [](Ipv4 ip) { return ip; }});
    CHECK(instructions == before);
}

TEST_CASE("cookies name kind, migration and version") {
    const OwnCookie own{FlowKind::synced, 77, 3};
    const auto cookie = own.encode().value();
    CHECK(cookie.value == 0x766d4000004d0003);
    CHECK(OwnCookie::decode(cookie) == own);
    CHECK(describe(cookie) == "synced of migration 77, version 3");
    CHECK(describe(Cookie{0x12ab}) == "0x12ab");
    CHECK(!OwnCookie::decode(Cookie{0x766d0000004d0003}));
    CHECK(!OwnCookie{FlowKind::relay, OwnCookie::max_migration + 1, 0}.encode());
}

TEST_CASE("cookie filters take what they say and nothing else") {
    const auto relay = OwnCookie{FlowKind::relay, 77, 3}.encode().value();
    const auto synced = OwnCookie{FlowKind::synced, 77, 4}.encode().value();
    const auto other = OwnCookie{FlowKind::relay, 78, 3}.encode().value();
    CHECK(own_flows().takes(relay));
    CHECK(!own_flows().takes(Cookie{0x12}));
    CHECK(flows_of(77).takes(relay));
    CHECK(flows_of(77).takes(synced));
    CHECK(!flows_of(77).takes(other));
    CHECK(flows_of(77, FlowKind::relay).takes(relay));
    CHECK(!flows_of(77, FlowKind::relay).takes(synced));
    CHECK(CookieFilter{}.takes(Cookie{0x12}));
    CHECK(!CookieFilter::exactly(relay).takes(synced));
}

TEST_CASE("addresses are read and written") {
    CHECK(format(parse_mac("52:54:00:00:00:01").value()) == "52:54:00:00:00:01");
    CHECK(format(parse_ipv4("10.0.0.1").value()) == "10.0.0.1");
    CHECK(format(parse_ipv6("fe80::1").value()) == "fe80::1");
    for (const auto* text : {"", "52:54:00:00:00", "52:54:00:00:00:0g", "52-54-00-00-00-01"}) {
        CHECK(!parse_mac(text));
    }
    CHECK(!parse_ipv4("10.0.0.256"));
    CHECK(!parse_ipv6("fe80:::1"));
    CHECK(port_from_of10(0xfff8) == Port::in_port);
    CHECK(port_to_of10(Port::local) == std::uint16_t{0xfffe});
    CHECK(!port_to_of10(Port{70000}));
}
