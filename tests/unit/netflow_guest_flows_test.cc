// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include "flow_scene.h"
#include "netflow/detour.h"

using namespace scene;

namespace {

std::string copied(const Flow& one, const Move& move = a_to_b(),
                   const Surroundings& there = empty_b()) {
    const auto copy = copy_for_destination(one, move, there);
    return copy.flow ? format(*copy.flow) : "none: " + copy.left_out;
}

}  // namespace

TEST_CASE("what comes by the tunnel is for the port there") {
    CHECK(copied(flow(from_tunnel(mac(1)), to_port(Port{5}))) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,"
          "dl_dst=52:54:00:00:00:01,tun_id=0x64 actions=output:9");
}

TEST_CASE("what came from a local port comes by the tunnel") {
    CHECK(copied(flow(from_port(Port{2}, mac(1)), to_port(Port{5}))) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,"
          "dl_dst=52:54:00:00:00:01,tun_id=0x64 actions=output:9");
}

TEST_CASE("a flow for all senders does not catch those of the destination") {
    CHECK(copied(flow(Match().set(field::eth_dst, mac(1)), to_port(Port{5}))) ==
          "cookie=0x766d400000070001, table=0, priority=60050,dl_dst=52:54:00:00:00:01,"
          "in_port=64200 actions=output:9");
}

TEST_CASE("what the guest sends to others goes there from the destination, too") {
    CHECK(copied(flow(from_port(Port{5}, mac(3)), by_tunnel(ip_c))) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=9,"
          "dl_dst=52:54:00:00:00:03 "
          "actions=set_field:0x64->tun_id,set_field:10.0.0.3->tun_dst,output:64200");
}

TEST_CASE("what it sends to a neighbour goes back by the tunnel") {
    const auto sent = flow(from_port(Port{5}, mac(2)), to_port(Port{2}));
    CHECK(copied(sent) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=9,"
          "dl_dst=52:54:00:00:00:02 "
          "actions=set_field:0x64->tun_id,set_field:10.0.0.1->tun_dst,output:64200");
    CHECK(format(*way_back(sent, a_to_b())) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,tun_id=0x64,"
          "dl_dst=52:54:00:00:00:02 actions=output:2");
    CHECK(!way_back(flow(from_port(Port{5}, mac(3)), by_tunnel(ip_c)), a_to_b()));
    CHECK(!way_back(flow(from_port(Port{4}, mac(2)), to_port(Port{2})), a_to_b()));
}

TEST_CASE("what it sent to the destination's guests stays there") {
    const FlowList on_b{flow(from_tunnel(mac(4)), to_port(Port{5}))};
    auto there = empty_b();
    there.port_of = [&](Mac to) { return local_port_of(to, on_b, tunnel); };
    // the neighbour's number on b is the guest's number on a
    CHECK(copied(flow(from_port(Port{5}, mac(4)), by_tunnel(ip_b)), a_to_b(), there) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=9,"
          "dl_dst=52:54:00:00:00:04 actions=output:5");
    CHECK(copied(flow(from_port(Port{5}, mac(6)), by_tunnel(ip_b)), a_to_b(), there) ==
          "none: it sends packets to the destination, whose port for them is not known");
}

TEST_CASE("each of several receivers is looked at") {
    auto actions = by_tunnel(ip_c);
    actions.output(Port{2}).set_field(field::reg(3), 5U).output(Port::local);
    CHECK(copied(flow(from_port(Port{5}, mac(3)), actions)) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=9,"
          "dl_dst=52:54:00:00:00:03 "
          "actions=set_field:0x64->tun_id,set_field:10.0.0.3->tun_dst,output:64200,"
          "set_field:0x64->tun_id,set_field:10.0.0.1->tun_dst,output:64200,"
          "set_field:0x5->reg3,LOCAL");
}

TEST_CASE("other tables, instructions and unknown fields are carried") {
    auto one = flow(Match().set(field::eth_dst, mac(1)).set(field::reg(2), 7U), {});
    one.table = TableId{5};
    one.instructions = Instructions::goto_table(TableId{6});
    CHECK(copied(one) ==
          "cookie=0x766d400000070001, table=5, priority=60050,dl_dst=52:54:00:00:00:01,reg2=0x7,"
          "in_port=64200 actions=goto_table:6");
    const auto by_address = flow(Match()
                                     .set(field::in_port, tunnel)
                                     .set(field::eth_type, std::uint16_t{0x800})
                                     .set(field::ipv4_dst, Ipv4{{192, 168, 0, 5}}),
                                 Actions().set_field(field::eth_dst, mac(1)).output(Port{5}));
    CHECK(copied(by_address) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x800,"
          "nw_dst=192.168.0.5 actions=set_field:52:54:00:00:00:01->dl_dst,output:9");
}

TEST_CASE("what the guest sends is known by its address, too") {
    CHECK(copied(flow(Match().set(field::eth_src, mac(1)), by_tunnel(ip_c))) ==
          "cookie=0x766d400000070001, table=0, priority=60050,dl_src=52:54:00:00:00:01,in_port=9 "
          "actions=set_field:0x64->tun_id,set_field:10.0.0.3->tun_dst,output:64200");
}

TEST_CASE("several cards have ports of their own") {
    auto move = a_to_b();
    move.nics.push_back({mac(11), TunnelId{200}, Port{6}, Port{8}});
    CHECK(copied(flow(from_tunnel(mac(11)), to_port(Port{6})), move) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,"
          "dl_dst=52:54:00:00:00:0b,tun_id=0x64 actions=output:8");
    CHECK(classify(flow(from_port(Port{6}, mac(3)), by_tunnel(ip_c)), move).nic->mac == mac(11));
}

TEST_CASE("what is not the guest's alone, or not understood, is left out") {
    auto move = a_to_b();
    CHECK(copied(flow(from_tunnel(mac(2)), to_port(Port{2}))) == "none: ");
    CHECK(copied(flow(from_tunnel(Mac{{255, 255, 255, 255, 255, 255}}),
                      Actions().output(Port{2}).output(Port{5}))) ==
          "none: it brings packets to others, too");
    move.nics[0].vni.reset();
    CHECK(copied(flow(from_port(Port{5}, mac(2)), to_port(Port{2})), move) ==
          "none: it sends packets to a local port, and the guest's VNI is not known");
    CHECK(copied(flow(from_tunnel(mac(1)), to_port(Port{5})), move).find("output:9") !=
          std::string::npos);
    const Octets group{0, 22, 0, 8, 0, 0, 0, 1};
    const auto to_group = Actions::from_octets(group).value();
    CHECK(copied(flow(from_tunnel(mac(1)), to_group)) ==
          "none: it sends packets where the destination has no such port");
    auto actions = to_group;
    CHECK(copied(flow(from_port(Port{5}, mac(2)), actions.output(Port{2}))) ==
          "none: it sends packets to a local port in a way that cannot be rewritten");
}

TEST_CASE("flows of ours are no flows of the guest, except for copies") {
    auto one = flow(from_tunnel(mac(1)), to_port(Port{5}));
    for (const auto kind : {FlowKind::relay, FlowKind::redirect, FlowKind::guard}) {
        one.cookie = OwnCookie{kind, 3, 1}.encode().value();
        CHECK(classify(one, a_to_b()).role == FlowRole::own);
    }
    one.cookie = OwnCookie{FlowKind::synced, 3, 1}.encode().value();
    CHECK(classify(one, a_to_b()).role == FlowRole::serving);
}

TEST_CASE("the network is known from the flows, where they agree") {
    const FlowList at_home{flow(from_tunnel(mac(1)), to_port(Port{5})),
                           flow(from_port(Port{5}, mac(3)), by_tunnel(ip_c))};
    CHECK(vni_at_home(mac(1), at_home, tunnel, Port{5}) == vni);
    CHECK(!vni_at_home(mac(2), at_home, tunnel, Port{2}));
    const FlowList afar{flow(from_port(Port{3}, mac(1)), by_tunnel(ip_a))};
    CHECK(vni_from_afar(mac(1), afar) == vni);
    auto torn = at_home;
    torn.push_back(
        flow(from_port(tunnel, mac(1)).set(field::tunnel_id, TunnelId{5}), to_port(Port{5})));
    CHECK(!vni_at_home(mac(1), torn, tunnel, Port{5}));
}

TEST_CASE("left-overs are told by their ports") {
    const auto there = empty_b();
    CHECK(is_stale(flow(from_tunnel(mac(1)), to_port(Port{30})), there, tunnel));
    CHECK(!is_stale(flow(from_tunnel(mac(1)), to_port(Port{9})), there, tunnel));
    CHECK(!is_stale(flow(from_tunnel(mac(1)), by_tunnel(ip_c)), there, tunnel));
    CHECK(!is_stale(flow(from_tunnel(mac(1)), {}), there, tunnel));
    CHECK(is_stale(flow(Match().set(field::in_port, Port{30}), by_tunnel(ip_c)), there, tunnel));
    CHECK(!is_stale(flow(Match().set(field::in_port, Port{9}), by_tunnel(ip_c)), there, tunnel));
}

TEST_CASE("what is set for a tunnel stays where another output needs it") {
    auto actions = by_tunnel(ip_a);
    actions.set_field(field::tun_dst, ip_c).output(tunnel);
    Detour detour;
    detour.tunnelled = [](Ipv4 end) {
        return end == ip_a ? std::optional(to_port(Port{9})) : std::nullopt;
    };
    CHECK(format(detoured(Instructions::apply(actions), detour)) ==
          "output:9,set_field:0x64->tun_id,set_field:10.0.0.1->tun_dst,"
          "set_field:10.0.0.3->tun_dst,output:64200");
}
