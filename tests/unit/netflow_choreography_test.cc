// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include "flow_scene.h"

using namespace scene;

namespace {

Scene one_of_each() {
    Scene scene;
    scene.move = a_to_b();
    scene.source = {
        flow(from_tunnel(mac(1)), to_port(Port{5})),
        flow(from_port(Port{2}, mac(1)), to_port(Port{5})),
        flow(from_port(Port{5}, mac(2)), to_port(Port{2})),
        flow(from_port(Port{5}, mac(3)), by_tunnel(ip_c)),
    };
    scene.destination = {flow(from_port(Port{4}, mac(1)), by_tunnel(ip_a))};
    return scene;
}

}  // namespace

TEST_CASE("a redirect takes what comes by the tunnel and from neighbours") {
    const auto cut = cutover(one_of_each());
    CHECK(text(cut.steps) == R"(redirect at a, or undo
  ADD cookie=0x766d400000070001, table=0, priority=60050,in_port=64200,tun_id=0x64,dl_dst=52:54:00:00:00:02 actions=output:2
  ADD cookie=0x766d200000070001, table=0, hard_timeout=60, priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:10.0.0.2->tun_dst,IN_PORT
  ADD cookie=0x766d200000070001, table=0, hard_timeout=60, priority=60200,in_port=2,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
)");
    CHECK(text(cut.withdraw) == R"(withdraw at a, or report
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d200000070001/0xffffffffffffffff
)");
    CHECK(cut.uncovered.empty());
}

TEST_CASE("a mirror brings to both sides what is served, from the tunnel and from neighbours") {
    const auto both = mirror(one_of_each());
    CHECK(text(both.steps) == R"(mirror at a, or undo
  ADD cookie=0x766d300000070001, table=0, hard_timeout=1, priority=60200,in_port=64200,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff,tun_id=0x64/0x7fffffffffffffff actions=output:5,set_field:10.0.0.2->tun_dst,IN_PORT
  ADD cookie=0x766d300000070001, table=0, hard_timeout=1, priority=60200,in_port=2,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=output:5,set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
)");
    CHECK(both.uncovered.empty());
    CHECK(format(unmirror(a_to_b())) == R"(unmirror at a, or report
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d300000070001/0xffffffffffffffff
)");
    CHECK(mirror(Scene{a_to_b(), {}, {}, {}}).steps.empty());
}

TEST_CASE("what cannot be mirrored is named") {
    Scene scene;
    scene.move = a_to_b();
    scene.move.nics[0].vni.reset();
    auto high = flow(from_tunnel(mac(1)), to_port(Port{5}));
    high.priority = 60200;
    scene.source = {high, flow(from_port(Port{2}, mac(1)), to_port(Port{5}))};
    CHECK(mirror(scene).uncovered ==
          std::vector<std::string>{"not mirrored: in_port=64200,dl_dst=52:54:00:00:00:01,"
                                   "tun_id=0x64: its priority 60200 is not below 60200",
                                   "not mirrored: in_port=2,dl_dst=52:54:00:00:00:01: the guest's "
                                   "VNI is not known"});
}

TEST_CASE("nothing is mirrored to where a relay would send it back") {
    auto scene = one_of_each();
    scene.destination.push_back(as_relay(cutover(one_of_each()).redirects.front(), scene.move, {}));
    CHECK(mirror(scene).steps.empty());
    CHECK(mirror(scene).uncovered ==
          std::vector<std::string>{
              "not mirrored: a relay of an earlier move is still on the destination"});
}

TEST_CASE("a mirror ends with the redirect, or with the commit") {
    auto scene = one_of_each();
    const auto mirrors = mirror(scene).steps.front().changes;
    for (const auto& change : mirrors) {
        scene.source.push_back(change.flow);
    }
    scene.mirrored = true;
    const auto end =
        FlowMod::remove_all(CookieFilter::exactly(cookie_of(scene.move, FlowKind::mirror)));
    CHECK(cutover(scene).steps.front().changes.front() == end);
    CHECK(commit(scene, cutover(scene).redirects, false).front().changes.front() == end);
    // and there is no other difference
    CHECK(cutover(scene).redirects == cutover(one_of_each()).redirects);
}

TEST_CASE("a commit makes relays of redirects and replaces everywhere") {
    const auto scene = one_of_each();
    CHECK(text(commit(scene, cutover(scene).redirects, false)) == R"(relay at a, or report
  ADD cookie=0x766d100000070001, table=0, idle_timeout=180, send_flow_rem priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:10.0.0.2->tun_dst,IN_PORT
  DELETE_STRICT cookie=0x0, table=0, priority=60200,in_port=2,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=drop
  MODIFY_STRICT cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,in_port=2,dl_dst=52:54:00:00:00:01 actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
replace at b, or report
  MODIFY_STRICT cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,in_port=4,dl_dst=52:54:00:00:00:01 actions=output:9
)");
}

TEST_CASE("a neighbour whose flow is gone by the commit is relayed") {
    auto scene = one_of_each();
    const auto redirects = cutover(scene).redirects;
    scene.source.clear();
    CHECK(commit(scene, redirects, false).front().changes.size() == redirects.size());
    CHECK(commit(scene, redirects, false).front().changes.at(1).command == FlowCommand::add);
}

TEST_CASE("at a peer only the tunnel's end changes") {
    const FlowList at_c{flow(from_port(Port{3}, mac(1)), by_tunnel(ip_a)),
                        flow(from_port(Port{3}, mac(2)), by_tunnel(ip_a)),
                        flow(from_port(Port{4}, mac(1)), by_tunnel(ip_b))};
    CHECK(format(replace_at_peer("c", at_c, a_to_b())) == R"(replace at c, or report
  MODIFY_STRICT cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,in_port=3,dl_dst=52:54:00:00:00:01 actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,output:64200
)");
    CHECK(replace_at_peer("c", {}, a_to_b()).changes.empty());
}

TEST_CASE("a guest that returns: the relay at its new host goes before the redirect") {
    // a -> b happened before; now b -> a, and a still relays to b
    Scene scene;
    const auto first = a_to_b();
    const auto relay = as_relay(redirects_for({}, first, {}).flows.front(), first, {});
    scene.move = {{"b", ip_b}, {"a", ip_a}, {{mac(1), vni, Port{9}, Port{6}}}, 8, 2};
    scene.source = {flow(from_tunnel(mac(1)), to_port(Port{9}))};
    scene.destination = {relay};
    const auto cut = cutover(scene);
    CHECK(text(cut.steps) == R"(clear relays at a, or undo
  ADD cookie=0x766d200000080002, table=0, idle_timeout=180, send_flow_rem priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:10.0.0.2->tun_dst,IN_PORT
  DELETE_STRICT cookie=0x0, table=0, priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=drop
redirect at b, or undo
  ADD cookie=0x766d200000080002, table=0, hard_timeout=60, priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:10.0.0.1->tun_dst,IN_PORT
)");
    const auto back = R"(restore relays at a, or report
  ADD cookie=0x766d100000070001, table=0, idle_timeout=180, send_flow_rem priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:10.0.0.2->tun_dst,IN_PORT
)";
    CHECK(format(cut.withdraw.at(1)) == back);
    CHECK(text(rollback(scene.move, cut.destination_relays)) ==
          R"(rollback at b, or report
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d000000080000/0xffff0fffffff0000
rollback at a, or report
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d000000080000/0xffff0fffffff0000
  ADD cookie=0x766d100000070001, table=0, idle_timeout=180, send_flow_rem priority=60200,in_port=64200,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=set_field:10.0.0.2->tun_dst,IN_PORT
)");
}

TEST_CASE("where the destination's relays may still be there, the source stops the loop") {
    auto scene = one_of_each();
    scene.source.clear();
    CHECK(format(commit(scene, {}, true).front()) == R"(relay at a, or report
  ADD cookie=0x766d500000070001, table=0, priority=60202,in_port=64200,tun_src=10.0.0.2,tun_id=0x64/0x7fffffffffffffff,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff actions=drop
)");
}

TEST_CASE("senders that an earlier move did not reach are turned by the next") {
    // a -> b happened before, and its replaces are late; now b -> c
    Move move{{"b", ip_b}, {"c", ip_c}, {{mac(1), vni, Port{9}, Port{7}}}, 8, 2};
    move.former = {ip_a};
    const auto stale = flow(from_port(Port{3}, mac(1)), by_tunnel(ip_a));
    CHECK(format(*replaced_at_peer(stale, move)) ==
          format(flow(from_port(Port{3}, mac(1)), by_tunnel(ip_c))));
    CHECK(format(*replaced_at_source(stale, move)) ==
          format(flow(from_port(Port{3}, mac(1)), by_tunnel(ip_c))));
    CHECK(format(*replaced_at_destination(stale, move)) ==
          format(flow(from_port(Port{3}, mac(1)), to_port(Port{7}))));
    const auto elsewhere = flow(from_port(Port{3}, mac(1)), by_tunnel({{10, 0, 0, 9}}));
    CHECK(!replaced_at_peer(elsewhere, move));
    CHECK(!replaced_at_destination(elsewhere, move));
    // what the source's sender does wrongly is not brought to the destination
    CHECK(!copy_for_destination(stale, move, empty_b()).flow);
}

TEST_CASE("a copy of a copy is nobody's in the end") {
    auto original = flow(from_tunnel(mac(1)), to_port(Port{5}));
    original.cookie = OwnCookie{FlowKind::synced, 3, 1}.encode().value();
    const auto copy = *copy_for_destination(original, a_to_b(), empty_b()).flow;
    CHECK(
        finish(a_to_b(), {{copy, original}}, {}, Relays::go).front().changes.front().flow.cookie ==
        Cookie{});
}

TEST_CASE("a chain: the relay at the first host stays") {
    // a -> b happened before; now b -> c
    const auto first = a_to_b();
    const auto relay = as_relay(redirects_for({}, first, {}).flows.front(), first, {});
    Scene scene;
    scene.move = {{"b", ip_b}, {"c", ip_c}, {{mac(1), vni, Port{9}, Port{7}}}, 8, 2};
    scene.source = {flow(from_tunnel(mac(1)), to_port(Port{9}))};
    CHECK(cutover(scene).destination_relays.empty());
    CHECK(relays_guest(relay, scene.move));
    // a relays to b, and is no sender of its own
    CHECK(replace_at_peer("a", {relay}, scene.move).changes.empty());
    CHECK(format(cutover(scene).redirects.front().instructions) ==
          "set_field:10.0.0.3->tun_dst,IN_PORT");
}

TEST_CASE("without a VNI only what comes by the tunnel is redirected") {
    auto scene = one_of_each();
    scene.move.nics[0].vni.reset();
    const auto cut = cutover(scene);
    REQUIRE(cut.redirects.size() == 1);
    CHECK(format(cut.redirects[0].match) ==
          "in_port=64200,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff");
    CHECK(cut.uncovered == std::vector<std::string>{
                               "not redirected: in_port=2,dl_dst=52:54:00:00:00:01: the guest's "
                               "VNI is not known"});
}

TEST_CASE("one flow for all senders is redirected whatever they come by") {
    Scene scene;
    scene.move = a_to_b();
    auto one = flow(Match().set(field::eth_dst, mac(1)), to_port(Port{5}));
    one.table = TableId{3};
    scene.source = {one};
    CHECK(format(cutover(scene).redirects.at(1)) ==
          "cookie=0x766d200000070001, table=3, hard_timeout=60, "
          "priority=60200,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff "
          "actions=set_field:0x64->tun_id,set_field:10.0.0.2->tun_dst,"
          "load:0x0->NXM_OF_IN_PORT[],output:64200");
}

TEST_CASE("a redirect does not go below a flow that serves the guest") {
    auto scene = one_of_each();
    scene.source[1].priority = default_relay_priority;
    CHECK(cutover(scene).uncovered ==
          std::vector<std::string>{"not redirected: in_port=2,dl_dst=52:54:00:00:00:01: its "
                                   "priority 60200 is not below 60200"});
}

TEST_CASE("relays have the priority that they are given, guards one above them") {
    auto scene = one_of_each();
    scene.move.relay_priority = 61000;
    for (const auto& one : cutover(scene).redirects) {
        CHECK(one.priority == 61000);
    }
    CHECK(loop_guard(scene.move, scene.move.nics[0]).priority == 61002);
}

TEST_CASE("a relay that is watched does what it did, and tells of it for a while") {
    const auto move = a_to_b();
    auto relay = as_relay(cutover(one_of_each()).redirects[0], move, {});
    const auto watch = watched(relay, move, 7);
    REQUIRE(watch);
    CHECK(format(*watch) ==
          "cookie=0x766d700000070001, table=0, hard_timeout=5, "
          "priority=60201,in_port=64200,tun_id=0x64/0x7fffffffffffffff,"
          "dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff "
          "actions=controller(max_len=0,id=7),set_field:10.0.0.2->tun_dst,IN_PORT");
    relay.instructions = Instructions::goto_table(TableId{3});
    CHECK(!watched(relay, move, 7));
}

TEST_CASE("what would be caught before a relay is found") {
    const auto move = a_to_b();
    const auto found = [&](Flow one, std::uint16_t priority, std::uint8_t in_table = 0) {
        one.priority = priority;
        one.table = TableId{in_table};
        return not_below_relays({one}, move).has_value();
    };
    const auto from_neighbour = flow(from_port(Port{2}, mac(1)), to_port(Port{5}));
    const auto by_the_tunnel = flow(from_tunnel(mac(1)), to_port(Port{5}));
    const auto drop = flow(from_tunnel(mac(1)), {});
    CHECK(!found(from_neighbour, 60199));
    CHECK(found(from_neighbour, 60200));
    CHECK(found(from_neighbour, 60200, 3));
    CHECK(found(by_the_tunnel, 65535));
    CHECK(found(drop, 60200));
    // relays of what comes by the tunnel are in the first table
    CHECK(!found(by_the_tunnel, 60200, 3));
    CHECK(!found(drop, 60200, 3));
    CHECK(!found(flow(from_port(Port{2}, mac(1)), {}), 60200));
    CHECK(!found(flow(from_tunnel(mac(7)), to_port(Port{3})), 60200));
}

TEST_CASE("no bit is left open that would catch a group in use") {
    const Mac odd{{0x32, 0x33, 0, 0, 0, 1}};
    CHECK(format(loosened(Match().set(field::eth_dst, odd))) == "dl_dst=32:33:00:00:00:01");
    auto move = a_to_b();
    move.nics[0].mac = odd;
    const auto relay = as_relay(redirects_for({}, move, {}).flows.front(), move, {});
    CHECK(relays_guest(relay, move));
    CHECK(!relays_guest(relay, a_to_b()));
}

TEST_CASE("in the end copies are the controller's, and nothing else of ours stays") {
    const auto original = flow(from_tunnel(mac(1)), to_port(Port{5}));
    const auto copy = *copy_for_destination(original, a_to_b(), empty_b()).flow;
    CHECK(text(finish(a_to_b(), {{copy, original}}, {}, Relays::go)) == R"(hand over at b, or report
  ADD cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,in_port=64200,dl_dst=52:54:00:00:00:01,tun_id=0x64 actions=output:9
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d000000070000/0xffff0fffffff0000
hand over at a, or report
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d000000070000/0xffff0fffffff0000
)");
}

TEST_CASE("relays that may still be needed stay when all else goes") {
    const auto sent = flow(from_port(Port{5}, mac(2)), to_port(Port{2}));
    const auto steps = finish(a_to_b(), {}, {{*way_back(sent, a_to_b()), sent}}, Relays::stay);
    CHECK(steps.at(1).in_pieces);
    CHECK(format(steps.at(1)) == R"(hand over at a, or report
  ADD cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,in_port=64200,tun_id=0x64,dl_dst=52:54:00:00:00:02 actions=output:2
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d400000070001/0xffffffffffffffff
  DELETE cookie=0x0, table=255, priority=32768 actions=drop where cookie=0x766d500000070001/0xffffffffffffffff
)");
}
