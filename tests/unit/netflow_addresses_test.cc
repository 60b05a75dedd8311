// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include "flow_scene.h"

using namespace scene;

namespace {

const Ipv4 ip4{{192, 168, 0, 5}};
const Ipv6 ip6 = parse_ipv6("fd00::5").value();
const TunnelId other_vni{200};

/// Two cards in two networks.
Move two_cards() {
    auto move = a_to_b();
    move.nics.push_back({mac(11), other_vni, Port{6}, Port{8}});
    return move;
}

Match arp_from(Port port) {
    return Match()
        .set(field::in_port, port)
        .set(field::eth_type, std::uint16_t{0x806})
        .set(field::arp_tpa, ip4);
}
Match ipv4_from(Port port) {
    return Match()
        .set(field::in_port, port)
        .set(field::eth_type, std::uint16_t{0x800})
        .set(field::ipv4_dst, ip4);
}
Match ipv6_from(Port port) {
    return Match()
        .set(field::in_port, port)
        .set(field::eth_type, std::uint16_t{0x86dd})
        .set(field::ipv6_dst, ip6);
}
Match solicitation_from(Port port) {
    return Match()
        .set(field::in_port, port)
        .set(field::eth_type, std::uint16_t{0x86dd})
        .set(field::ip_proto, std::uint8_t{58})
        .set(field::icmpv6_type, std::uint8_t{135})
        .set(field::nd_target, ip6);
}

Match in_network(Match match, TunnelId id) {
    return match.set(field::tunnel_id, id);
}

Actions over(TunnelId id, Ipv4 end) {
    return Actions().set_field(field::tunnel_id, id).set_field(field::tun_dst, end).output(tunnel);
}

/// What serves the second card on a, all by addresses that are no MAC addresses.
FlowList serving() {
    return {flow(in_network(arp_from(tunnel), other_vni), to_port(Port{6})),
            flow(in_network(solicitation_from(tunnel), other_vni), to_port(Port{6})),
            flow(in_network(ipv4_from(tunnel), other_vni), to_port(Port{6})),
            flow(in_network(ipv6_from(tunnel), other_vni), to_port(Port{6})),
            flow(arp_from(Port{2}), to_port(Port{6})),
            flow(solicitation_from(Port{2}), to_port(Port{6}))};
}

}  // namespace

TEST_CASE("flows by address serve the card whose port they name, and are copied") {
    std::string copies;
    for (const auto& one : serving()) {
        CHECK(classify(one, two_cards()).role == FlowRole::serving);
        CHECK(classify(one, two_cards()).nic->mac == mac(11));
        copies += format(*copy_for_destination(one, two_cards(), empty_b()).flow) + "\n";
    }
    CHECK(
        copies ==
        R"(cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x806,arp_tpa=192.168.0.5,tun_id=0xc8 actions=output:8
cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x86dd,nw_proto=58,icmpv6_type=135,nd_target=fd00::5,tun_id=0xc8 actions=output:8
cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x800,nw_dst=192.168.0.5,tun_id=0xc8 actions=output:8
cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x86dd,ipv6_dst=fd00::5,tun_id=0xc8 actions=output:8
cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x806,arp_tpa=192.168.0.5,tun_id=0xc8 actions=output:8
cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x86dd,nw_proto=58,icmpv6_type=135,nd_target=fd00::5,tun_id=0xc8 actions=output:8
)");
}

TEST_CASE("they are redirected, each where its packets come from") {
    const auto redirects = redirects_for(serving(), two_cards(), {});
    CHECK(redirects.uncovered.empty());
    std::string text;
    for (const auto& one : redirects.flows) {
        text += format(one.match) + " " + format(one.instructions) + "\n";
    }
    CHECK(
        text ==
        R"(in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff set_field:10.0.0.2->tun_dst,IN_PORT
in_port=64200,tun_id=0xc8/0x7fffffffffffffff,dl_dst=52:54:00:00:00:0b/fe:ff:ff:ff:ff:ff set_field:10.0.0.2->tun_dst,IN_PORT
in_port=64200,dl_type=0x806,arp_tpa=192.168.0.5,tun_id=0xc8/0x7fffffffffffffff set_field:10.0.0.2->tun_dst,IN_PORT
in_port=64200,dl_type=0x86dd,nw_proto=58,icmpv6_type=135,nd_target=fd00::5,tun_id=0xc8/0x7fffffffffffffff set_field:10.0.0.2->tun_dst,IN_PORT
in_port=64200,dl_type=0x800,nw_dst=192.168.0.5,tun_id=0xc8/0x7fffffffffffffff set_field:10.0.0.2->tun_dst,IN_PORT
in_port=64200,dl_type=0x86dd,ipv6_dst=fd00::5,tun_id=0xc8/0x7fffffffffffffff set_field:10.0.0.2->tun_dst,IN_PORT
in_port=2,dl_type=0x806,arp_tpa=192.168.0.5 set_field:0xc8->tun_id,set_field:10.0.0.2->tun_dst,output:64200
in_port=2,dl_type=0x86dd,nw_proto=58,icmpv6_type=135,nd_target=fd00::5 set_field:0xc8->tun_id,set_field:10.0.0.2->tun_dst,output:64200
)");
}

TEST_CASE("addresses are learnt from what serves a card, and known at peers in its network only") {
    auto move = two_cards();
    const auto at_peer = flow(arp_from(Port{3}), over(other_vni, ip_a));
    CHECK(!replaced_at_peer(at_peer, move));
    learn_addresses(move, serving());
    CHECK(move.nics[0].addresses.empty());
    CHECK(move.nics[1].addresses.size() == 2);
    CHECK(format(replaced_at_peer(at_peer, move)->instructions) ==
          "set_field:0xc8->tun_id,set_field:10.0.0.2->tun_dst,output:64200");
    CHECK(replaced_at_peer(flow(solicitation_from(Port{3}), over(other_vni, ip_a)), move));
    CHECK(format(replaced_at_destination(at_peer, move)->instructions) == "output:8");
    // the same addresses in another network, or of nobody's
    CHECK(!replaced_at_peer(flow(arp_from(Port{3}), over(vni, ip_a)), move));
    CHECK(!replaced_at_peer(flow(ipv4_from(Port{3}).set(field::ipv4_dst, Ipv4{{192, 168, 0, 6}}),
                                 over(other_vni, ip_a)),
                            move));
    CHECK(sent_to(move.nics[1]).size() == 5);
}

TEST_CASE("groups are no addresses of a card") {
    auto move = two_cards();
    learn_addresses(
        move,
        {flow(in_network(
                  ipv6_from(tunnel).set(field::ipv6_dst, parse_ipv6("ff02::1:ff00:5").value()),
                  other_vni),
              to_port(Port{6})),
         flow(in_network(ipv4_from(tunnel).set(field::ipv4_dst, Ipv4{{224, 0, 0, 251}}), other_vni),
              to_port(Port{6}))});
    CHECK(move.nics[1].addresses.empty());
    const Mac everybody{{255, 255, 255, 255, 255, 255}};
    CHECK(format(loosened(Match().set(field::eth_dst, everybody))) == "dl_dst=ff:ff:ff:ff:ff:ff");
}

TEST_CASE("a request to everybody for the card's address is for the card") {
    const Mac everybody{{255, 255, 255, 255, 255, 255}};
    auto move = two_cards();
    learn_addresses(move,
                    {flow(in_network(arp_from(tunnel).set(field::eth_dst, everybody), other_vni),
                          to_port(Port{6}))});
    CHECK(move.nics[1].addresses.size() == 1);
    CHECK(replaced_at_peer(
        flow(arp_from(Port{3}).set(field::eth_dst, everybody), over(other_vni, ip_a)), move));
}

TEST_CASE("relays by address are known when the guest returns") {
    auto move = two_cards();
    learn_addresses(move, serving());
    const auto redirects = redirects_for(serving(), move, {});
    Move back{{"b", ip_b}, {"a", ip_a}, {}, 8, 2};
    back.nics = {{mac(1), vni, Port{9}, Port{5}}, {mac(11), other_vni, Port{8}, Port{6}}};
    FlowList at_b;
    for (const auto& one : serving()) {
        at_b.push_back(*copy_for_destination(one, move, empty_b()).flow);
    }
    learn_addresses(back, at_b);
    for (const auto& one : redirects.flows) {
        CHECK(relays_guest(as_relay(one, move, {}), back));
    }
    // somebody else's, with the same address in another network
    auto other = move;
    other.nics[1] = {mac(12), TunnelId{300}, Port{6}, Port{8}};
    const auto theirs = redirects_for({flow(arp_from(Port{4}), to_port(Port{6}))}, other, {});
    CHECK(!relays_guest(as_relay(theirs.flows.back(), other, {}), back));
}

TEST_CASE("what the guest asks a neighbour by address comes back by the tunnel") {
    CHECK(format(*way_back(flow(arp_from(Port{6}), to_port(Port{2})), two_cards())) ==
          "cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,dl_type=0x806,"
          "arp_tpa=192.168.0.5,tun_id=0xc8 actions=output:2");
}
