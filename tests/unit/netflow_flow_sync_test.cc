// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>

#include "flow_scene.h"

using namespace scene;

namespace {

const Flow by_tunnel_flow = flow(from_tunnel(mac(1)), to_port(Port{5}));
const Flow from_neighbour = flow(from_port(Port{2}, mac(1)), to_port(Port{5}));

Flow copy_of(const Flow& one) {
    return *copy_for_destination(one, a_to_b(), empty_b()).flow;
}

/// All differences, found a few flows at a time.
std::vector<FlowMod> compared(FlowSync& sync, const FlowTable& there, std::size_t at_once = 1) {
    std::vector<FlowMod> all;
    for (bool over = false; !over;) {
        auto [changes, round_is_over] = sync.compare(there, at_once);
        std::ranges::move(changes, std::back_inserter(all));
        over = round_is_over;
    }
    return all;
}

/// Of the network's neighbour `number`.
Flow numbered(std::uint16_t number) {
    auto one = flow(from_port(Port{5}, mac(2)), by_tunnel(ip_c));
    one.priority = number;
    return one;
}

}  // namespace

TEST_CASE("a flow comes and goes with its original") {
    FlowSync sync(a_to_b(), empty_b());
    const auto copy = copy_of(by_tunnel_flow);
    CHECK(text(sync.put(by_tunnel_flow, {})) == format(FlowMod::add(copy)) + "\n");
    CHECK(sync.put(by_tunnel_flow, table({copy})).empty());
    const auto removals = sync.drop(FlowKey::of(by_tunnel_flow), table({copy}));
    CHECK(text(removals) ==
          "DELETE_STRICT cookie=0x0, table=0, priority=60050,in_port=64200,"
          "dl_dst=52:54:00:00:00:01,tun_id=0x64 actions=drop "
          "where cookie=0x766d400000070001/0xffffffffffffffff\n");
    CHECK(sync.size() == 0);
    CHECK(sync.drop(FlowKey::of(by_tunnel_flow), {}).empty());
}

TEST_CASE("a copy of several flows stays until the last of them goes") {
    FlowSync sync(a_to_b(), empty_b());
    CHECK(sync.put(by_tunnel_flow, {}).size() == 1);
    const auto there = table({copy_of(by_tunnel_flow)});
    CHECK(sync.put(from_neighbour, there).empty());
    CHECK(sync.drop(FlowKey::of(by_tunnel_flow), there).empty());
    CHECK(compared(sync, there).empty());
    CHECK(sync.drop(FlowKey::of(from_neighbour), there).size() == 1);
}

TEST_CASE("a comparison puts right what differs, whoever did it") {
    FlowSync sync(a_to_b(), empty_b());
    CHECK(sync.put(by_tunnel_flow, {}).size() == 1);
    const auto copy = copy_of(by_tunnel_flow);
    CHECK(text(compared(sync, {})) == format(FlowMod::add(copy)) + "\n");
    auto changed = copy;
    changed.instructions = Instructions::apply(to_port(Port{3}));
    CHECK(text(compared(sync, table({changed}))) == format(FlowMod::add(copy)) + "\n");
    auto stray = copy;
    stray.priority = 5;
    const auto removals = compared(sync, table({copy, stray}));
    REQUIRE(removals.size() == 1);
    CHECK(removals[0].command == FlowCommand::remove_strict);
    CHECK(removals[0].flow.priority == 5);
}

TEST_CASE("what was deleted is known again by its key") {
    FlowSync sync(a_to_b(), empty_b());
    CHECK(sync.put(by_tunnel_flow, {}).size() == 1);
    const auto copy = copy_of(by_tunnel_flow);
    CHECK(sync.missing(FlowKey::of(copy)) == FlowMod::add(copy));
    CHECK(!sync.missing(FlowKey::of(from_neighbour)));
}

TEST_CASE("a flow of the destination stays, unless it leads nowhere") {
    FlowSync sync(a_to_b(), empty_b());
    const auto theirs = flow(copy_of(by_tunnel_flow).match, to_port(Port{3}));
    CHECK(sync.put(by_tunnel_flow, table({theirs})).empty());
    CHECK(compared(sync, table({theirs})).empty());
    CHECK(sync.copies(table({theirs})).empty());
    CHECK(sync.drop(FlowKey::of(by_tunnel_flow), table({theirs})).empty());
    const auto leftover = flow(theirs.match, to_port(Port{30}));
    CHECK(sync.put(by_tunnel_flow, table({leftover})).size() == 1);
}

TEST_CASE("copies of another migration are not touched") {
    FlowSync sync(a_to_b(), empty_b());
    auto other = copy_of(by_tunnel_flow);
    other.cookie = OwnCookie{FlowKind::synced, 3, 1}.encode().value();
    CHECK(compared(sync, table({other})).empty());
}

TEST_CASE("what is handed over is known with its original") {
    FlowSync sync(a_to_b(), empty_b());
    CHECK(sync.put(by_tunnel_flow, {}).size() == 1);
    const auto copies = sync.copies(table({copy_of(by_tunnel_flow)}));
    REQUIRE(copies.size() == 1);
    CHECK(copies[0].original == by_tunnel_flow);
}

TEST_CASE("what has no copy is said once, and not when it has gone") {
    FlowSync sync(a_to_b(), empty_b());
    const auto shared = flow(from_tunnel(mac(99)), Actions().output(Port{5}).output(Port{2}));
    CHECK(sync.put(shared, {}).empty());
    CHECK(sync.put(shared, {}).empty());
    CHECK(sync.left_out() == std::vector<std::string>{
                                 "not copied: in_port=64200,dl_dst=52:54:00:00:00:63,tun_id=0x64: "
                                 "it brings packets to others, too"});
    CHECK(sync.drop(FlowKey::of(shared), {}).empty());
    CHECK(sync.left_out().empty());
}

TEST_CASE("a comparison of very many goes on where it was, and misses nothing") {
    constexpr std::uint16_t count = 1000;
    FlowSync sync(a_to_b(), empty_b());
    FlowTable there;
    for (std::uint16_t number = 0; number < count; ++number) {
        CHECK(sync.put(numbered(number), there).size() == 1);
    }
    std::size_t most = 0;
    for (bool over = false; !over;) {
        const auto [changes, round_is_over] = sync.compare(there, 10);
        most = std::max(most, changes.size());
        for (const auto& change : changes) {
            there.emplace(FlowKey::of(change.flow), change.flow);
        }
        over = round_is_over;
    }
    CHECK(there.size() == count);
    CHECK(most < 50);
    CHECK(compared(sync, there, 10).empty());
    // the next round finds what happened during this one
    there.erase(FlowKey::of(copy_of(numbered(7))));
    CHECK(sync.drop(FlowKey::of(numbered(8)), {}).size() == 1);
    CHECK(compared(sync, there, 10).size() == 2);
}
