// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include "netflow/refresh.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "flow_scene.h"

using namespace scene;
using Kind = FlowChange::Kind;
using Role = Refresh::Role;

namespace {

std::string hex(const Octets& octets) {
    std::string digits;
    for (const auto octet : octets) {
        digits += fmt::format("{:02x}", octet);
    }
    return digits;
}

std::string text(const Refresh::Work& work) {
    auto lines = scene::text(work.changes);
    for (const auto& question : work.questions) {
        lines += fmt::format("SHOW in_port={} actions={}\n", format(question.in_port),
                             format(question.actions));
    }
    return lines;
}

FlowChange removed(Flow flow, RemovedReason reason) {
    return {Kind::removed, std::move(flow), reason};
}
FlowChange seen(Flow flow) {
    return {Kind::modified, std::move(flow), {}};
}
Flow held(Flow flow) {
    flow.cookie = cookie_of(a_to_b(), FlowKind::replaced);
    flow.hard_timeout = seconds(60);
    return flow;
}

const Flow at_peer = flow(from_port(Port{3}, mac(1)), by_tunnel(ip_b));
const Flow wrong_at_peer = flow(from_port(Port{3}, mac(1)), by_tunnel(ip_a));

}  // namespace

TEST_CASE("a sample has what the match has") {
    const auto plain = Match().set(field::eth_dst, mac(1));
    CHECK(hex(sample_packet(plain)) ==
          "525400000001"
          "020000000000"
          "88b5" +
              std::string(92, '0'));
    auto tagged = plain;
    tagged.set(field::eth_src, mac(2)).set(field::vlan_vid, std::uint16_t{0x1005});
    CHECK(hex(sample_packet(tagged))
              .starts_with("525400000001"
                           "525400000002"
                           "8100"
                           "0005"
                           "88b5"));
    auto arp = plain;
    arp.set(field::eth_type, std::uint16_t{0x0806}).set(field::arp_tpa, ip_b);
    CHECK(hex(sample_packet(arp)).substr(24, 60) ==
          "0806"
          "0001"
          "0800"
          "0604"
          "0001"
          "000000000000"
          "00000000"
          "000000000000"
          "0a000002");
}

TEST_CASE("a sample of a connection has right checksums") {
    auto udp = Match().set(field::eth_dst, mac(1)).set(field::eth_type, std::uint16_t{0x0800});
    udp.set(field::ip_proto, std::uint8_t{17})
        .set(field::ipv4_src, ip_a)
        .set(field::ipv4_dst, ip_b);
    udp.set(field::udp_dst, std::uint16_t{53});
    CHECK(hex(sample_packet(udp)).substr(24, 60) ==
          "0800"
          "4500001c00000000401166cf"
          "0a0000010a000002"
          "000000350008"
          "eba6");
    auto tcp = Match().set(field::eth_dst, mac(1)).set(field::eth_type, std::uint16_t{0x86dd});
    tcp.set(field::ip_proto, std::uint8_t{6}).set(field::tcp_dst, std::uint16_t{80});
    CHECK(hex(sample_packet(tcp)).substr(24) ==
          "86dd"
          "6000000000140640" +
              std::string(64, '0') +
              "00000050"
              "0000000000000000"
              "5002"
              "0000"
              "af93"
              "0000");
}

TEST_CASE("what leads to the new place is held, and asked for") {
    Refresh peer(a_to_b(), Role::peer);
    CHECK(
        text(peer.begin({at_peer, flow(from_port(Port{3}, mac(2)), by_tunnel(ip_b)),
                         flow(from_port(Port{4}, mac(1)), by_tunnel(ip_c))})) ==
        R"(ADD cookie=0x766d600000070001, table=0, idle_timeout=300, hard_timeout=60, priority=60050,in_port=3,dl_dst=52:54:00:00:00:01 actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
)");
    CHECK(peer.waiting() == 1);
    CHECK(text(peer.ask(10)) == "SHOW in_port=3 actions=CONTROLLER\n");
    CHECK(!peer.controller_knows());
    CHECK(peer.problem() == "the controller has not made one flow to the guest anew");
    CHECK(
        text(peer.end()) ==
        R"(ADD cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,in_port=3,dl_dst=52:54:00:00:00:01 actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
)");
}

TEST_CASE("the destination's copies are asked for with their tunnel's id, and not held") {
    auto copy = flow(from_tunnel(mac(1)), to_port(Port{9}));
    copy.cookie = cookie_of(a_to_b(), FlowKind::synced);
    Refresh destination(a_to_b(), Role::destination);
    CHECK(text(destination.begin({copy})).empty());
    CHECK(text(destination.ask(10)) ==
          "SHOW in_port=64200 actions=set_field:0x64->tun_id,CONTROLLER\n");
    CHECK(text(destination.end()).empty());
    destination.take(seen(flow(from_tunnel(mac(1)), to_port(Port{9}))));
    CHECK(destination.waiting() == 0);
}

TEST_CASE("a flow that the controller has made stays, one that it deletes is back until then") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    CHECK(text(peer.take(seen(held(at_peer)))).empty());
    CHECK(
        text(peer.take(removed(held(at_peer), RemovedReason::deleted))) ==
        R"(ADD cookie=0x766d600000070001, table=0, idle_timeout=300, hard_timeout=60, priority=60050,in_port=3,dl_dst=52:54:00:00:00:01 actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
SHOW in_port=3 actions=CONTROLLER
)");
    CHECK(peer.controller_knows());
    // it wanted the flow gone: if it does not answer, the next packet will ask it
    CHECK(text(peer.end()) ==
          "DELETE_STRICT cookie=0x0, table=0, priority=60050,in_port=3,dl_dst=52:54:00:00:00:01 "
          "actions=drop where cookie=0x766d600000070001/0xffffffffffffffff\n");
    CHECK(text(peer.take(seen(at_peer))).empty());
    CHECK(peer.waiting() == 0);
    CHECK(text(peer.ask(10)).empty());
    CHECK(text(peer.end()).empty());
    // its own deletion meets what it has just made
    CHECK(peer.take(removed(at_peer, RemovedReason::deleted)).questions.size() == 1);
    CHECK(peer.waiting() == 1);
}

TEST_CASE("what happened before a flow was held is no answer") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    CHECK(text(peer.take(seen(wrong_at_peer))).empty());
    CHECK(text(peer.take(removed(wrong_at_peer, RemovedReason::deleted))).empty());
    CHECK(text(peer.take(seen(at_peer))).empty());
    CHECK(!peer.controller_knows());
    CHECK(peer.waiting() == 1);
    peer.take(seen(held(at_peer)));
    peer.take(seen(at_peer));
    CHECK(peer.waiting() == 0);
}

TEST_CASE("a flow that nobody uses any more may go") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    CHECK(text(peer.take(removed(held(at_peer), RemovedReason::idle))).empty());
    CHECK(peer.waiting() == 0);
    CHECK(text(peer.ask(10)).empty());
}

TEST_CASE("what leads to the old place is put right") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    peer.take(seen(held(at_peer)));
    CHECK(peer.take(seen(wrong_at_peer)).changes == std::vector{FlowMod::add(held(at_peer))});
    CHECK(!peer.controller_knows());
    CHECK(
        peer.problem() ==
        "the controller has not made one flow to the guest anew, and takes it to be where it was");
    // also what was not there before
    const auto other = flow(from_port(Port{4}, mac(1)), by_tunnel(ip_a));
    const auto right = flow(from_port(Port{4}, mac(1)), by_tunnel(ip_b));
    CHECK(peer.take({Kind::added, other, {}}).changes ==
          std::vector{FlowMod::modify_strict(right)});
    // at the source: its own sender's
    Refresh source(a_to_b(), Role::source);
    const auto sender = flow(from_port(Port{2}, mac(1)), by_tunnel(ip_b));
    source.begin({sender});
    source.take(seen(held(sender)));
    CHECK(source.take(seen(flow(from_port(Port{2}, mac(1)), to_port(Port{5})))).changes ==
          std::vector{FlowMod::add(held(sender))});
}

TEST_CASE("another flow of the controller may serve as well") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    auto finer = at_peer;
    finer.match.set(field::eth_src, mac(2));
    peer.take({Kind::added, finer, {}});
    CHECK(peer.waiting() == 0);
    // the held one is given back all the same
    CHECK(peer.end().changes == std::vector{FlowMod::add(at_peer)});
}

TEST_CASE("whoever keeps deleting has his way") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    int restored = 0;
    for (int i = 0; i < 100; ++i) {
        restored +=
            peer.take(removed(held(at_peer), RemovedReason::deleted)).changes.empty() ? 0 : 1;
    }
    CHECK(restored == 20);
}

TEST_CASE("a later move's change of a held flow is kept") {
    Refresh peer(a_to_b(), Role::peer);
    peer.begin({at_peer});
    const auto later = flow(from_port(Port{3}, mac(1)), by_tunnel(ip_c));
    auto changed = held(later);
    peer.take(seen(changed));
    CHECK(peer.end().changes == std::vector{FlowMod::add(later)});
    // and it finds held flows
    Move next = a_to_b();
    next.source = {"b", ip_b};
    next.destination = {"c", ip_c};
    CHECK(replaced_at_peer(held(at_peer), next));
}

TEST_CASE("questions come in turns") {
    Refresh peer(a_to_b(), Role::peer);
    FlowList flows;
    for (std::uint32_t port = 1; port <= 5; ++port) {
        flows.push_back(flow(from_port(Port{port}, mac(1)), by_tunnel(ip_b)));
    }
    peer.begin(flows);
    CHECK(text(peer.ask(2)) ==
          "SHOW in_port=2 actions=CONTROLLER\n"
          "SHOW in_port=3 actions=CONTROLLER\n");
    CHECK(text(peer.ask(2)) ==
          "SHOW in_port=4 actions=CONTROLLER\n"
          "SHOW in_port=5 actions=CONTROLLER\n");
    CHECK(peer.ask(10).questions.size() == 5);
}
