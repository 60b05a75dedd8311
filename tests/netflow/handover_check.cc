// SPDX-License-Identifier: GPL-2.0-or-later
//
// handover_check DIRECTORY: drives the network back end "ovs" against real bridges a, b and c,
// whose sockets are in DIRECTORY: see tests/lab/network-engine.sh. Nobody runs a guest: it is a
// port of a and one of b.
#include <atomic>
#include <cstdio>

#include "handover/ovs_senders.h"
#include "three_switches.h"

using namespace three_switches;
using vmigrate::test::checks;

namespace {

/// All but the drain.
void move(Ovs& network) {
    MUST(network.lock());
    MUST(network.begin());
    MUST(network.redirect());
    MUST(network.commit());
}

/// What is still on its way when a redirect is written has been taken when it returns; that nothing
/// more comes shows by packets that are sent to the card for it.
void redirects_when_the_cards_are_silent() {
    settle_on_a();
    Registry registry;
    auto work = task("a", "b");
    work.times.settle = milliseconds(500);
    Ovs network(work, registry);
    MUST(network.lock());
    MUST(network.begin());
    const auto before = MUST(connect("a").counters(Port{5})).sent;
    constexpr std::uint64_t late_packets = 30;
    std::atomic<bool> all_sent{false};
    std::thread late([&all_sent] {
        auto it = connect("a");
        PacketOut out;
        out.actions.output(Port{5});
        out.packet.resize(60);
        for (std::uint64_t sent = 0; sent < late_packets; ++sent) {
            MUST(it.packet_out(out));
            std::this_thread::sleep_for(milliseconds(20));
        }
        all_sent = true;
    });
    const auto redirected = network.redirect();
    CHECK(all_sent);
    late.join();
    MUST(redirected);
    CHECK(MUST(connect("a").counters(Port{5})).sent > before + late_packets);
    MUST(network.rollback());
}

void moves_and_leaves_nothing() {
    settle_on_a();
    Registry registry;
    Ovs network(task("a", "b"), registry);
    MUST(network.lock());
    MUST(network.lock());
    CHECK(registry.places.at("guest").locked);
    const auto before = MUST(connect("b").counters(Port{9})).sent;
    MUST(network.begin());
    // a QEMU that waits for a guest spoils the first packet
    CHECK(MUST(connect("b").counters(Port{9})).sent == before + 1);
    CHECK(soon([] { return has(ours("b"), "in_port=64200,dl_dst=52:54:00:00:00:01"); }));
    CHECK(has(ours("b"), "in_port=9,dl_dst=52:54:00:00:00:02"));
    // changes follow, in both directions
    const auto more = flow(from_port(Port{5}, mac(3)), by_tunnel(ip_c));
    put("a", more);
    CHECK(soon([] { return has(ours("b"), "in_port=9,dl_dst=52:54:00:00:00:03"); }));
    MUST(connect("a").change(FlowMod::remove_strict(FlowKey::of(more))));
    CHECK(soon([] { return !has(ours("b"), "dl_dst=52:54:00:00:00:03"); }));
    // a copy that somebody deletes is back
    FlowFilter copies;
    copies.match.set(field::in_port, tunnel);
    MUST(connect("b").change(
        FlowMod::remove_strict(FlowKey::of(MUST(connect("b").dump_flows(copies)).at(0).flow))));
    CHECK(soon([] { return has(ours("b"), "in_port=64200,dl_dst=52:54:00:00:00:01"); }));

    MUST(network.redirect());
    const auto redirected = ours("a");
    CHECK(has(redirected, "set_field:10.0.0.2->tun_dst,IN_PORT"));
    CHECK(has(redirected, "in_port=2,dl_dst=52:54:00:00:00:01/fe:ff:ff:ff:ff:ff"));
    CHECK(has(redirected, "hard_timeout=60"));
    MUST(network.redirect());
    CHECK(ours("a") == redirected);
    MUST(network.withdraw());
    CHECK(!has(ours("a"), "priority=60200"));
    MUST(network.redirect());
    // a collector's delete does not cover it, one of everything is put right
    FlowMod collector;
    collector.command = FlowCommand::remove;
    collector.flow.table = TableId::all;
    collector.flow.match.set(field::tunnel_id, vni).set(field::eth_dst, mac(1));
    MUST(connect("a").change(collector));
    CHECK(has(ours("a"), "IN_PORT"));
    MUST(connect("a").change(FlowMod::remove_all({})));
    CHECK(soon([] { return has(ours("a"), "IN_PORT"); }));

    MUST(network.commit());
    CHECK(!has(ours("a"), "hard_timeout"));
    CHECK(has(ours("a"), "idle_timeout=1"));
    CHECK(has(dump("c"), "set_field:10.0.0.2->tun_dst"));
    CHECK(!has(dump("c"), "10.0.0.1"));
    CHECK(has(dump("b"), "in_port=4,dl_dst=52:54:00:00:00:01 actions=output:9"));
    CHECK(!registry.places.at("guest").locked);
    CHECK(registry.places.at("guest").host == "b");
    MUST(network.commit());
    MUST(network.drain());
    for (const auto* name : {"a", "b", "c"}) {
        CHECK(soon([&] { return ours(name).empty(); }));
    }
    CHECK(has(dump("b"),
              "cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,"
              "in_port=64200,dl_dst=52:54:00:00:00:01"));
}

OvsTask mirroring(const std::string& from, const std::string& to) {
    auto work = task(from, to);
    work.stock_cutover = StockCutover::mirror;
    return work;
}

void mirrors_for_a_moment() {
    settle_on_a();
    Registry registry;
    {
        Ovs unlocked(mirroring("a", "b"), registry);
        CHECK(!unlocked.lead());
        CHECK(ours("a").empty());
    }
    Ovs network(mirroring("a", "b"), registry);
    MUST(network.lock());
    MUST(network.begin());
    CHECK(soon([&] { return network.lead().has_value(); }));
    CHECK(has(ours("a"), "actions=output:5,set_field:10.0.0.2->tun_dst,IN_PORT"));
    CHECK(has(ours("a"), "actions=output:5,set_field:0x64->tun_id"));
    CHECK(has(ours("a"), "hard_timeout=1"));
    MUST(network.withdraw());
    CHECK(ours("a").empty());
    // nobody has to be there to take it back
    CHECK(MUST(network.lead()) > milliseconds(100));
    CHECK(soon([] { return ours("a").empty(); }));
    {
        // by a script, beside the one that follows
        Ovs other(mirroring("a", "b"), registry);
        MUST(other.lead());
        MUST(other.lead());
        CHECK(has(ours("a"), "actions=output:5,set_field"));
    }
    MUST(network.lead());
    MUST(network.redirect());
    CHECK(!has(ours("a"), "output:5,set_field"));
    MUST(network.lead());
    CHECK(!has(ours("a"), "output:5,set_field"));
    MUST(network.rollback());
    CHECK(ours("a").empty());
    // a commit ends it as well
    Ovs next(mirroring("a", "b"), registry);
    MUST(next.lock());
    {
        Ovs other(mirroring("a", "b"), registry);
        MUST(other.lead());
    }
    MUST(next.commit());
    CHECK(!has(ours("a"), "output:5"));
    CHECK(has(ours("a"), "idle_timeout=1"));
    MUST(next.drain());
    // a tap that would soon be full
    settle_on_a();
    auto busy = mirroring("a", "b");
    busy.tap_queue = 20;
    Ovs fast(busy, registry);
    MUST(fast.lock());
    std::atomic<bool> over{false};
    std::thread sender([&over] {
        auto it = connect("a");
        PacketOut out;
        out.actions.output(Port{5});
        out.packet.resize(60);
        while (!over) {
            MUST(it.packet_out(out));
            std::this_thread::sleep_for(milliseconds(1));
        }
    });
    const auto too_fast = fast.lead();
    over = true;
    sender.join();
    CHECK(!too_fast);
    CHECK(has(too_fast.error().message, "packets a second would soon fill the queue of 20"));
    CHECK(ours("a").empty());
    MUST(fast.rollback());
    // refused where the destination has no port for the guest
    auto work = mirroring("a", "b");
    settle_on_a();
    Ovs again(work, registry);
    MUST(again.lock());
    work.destination = host("c", ip_c);
    work.peers = {host("b", ip_b)};
    const auto refused = Ovs(work, registry).lead();
    CHECK(!refused);
    CHECK(has(refused.error().message, "switch of c: no port for the guest's card"));
    MUST(again.rollback());
}

void goes_early() {
    settle_on_a();
    Registry registry;
    Ovs network(task("a", "b"), registry);
    CHECK(network.wants_lead());
    MUST(network.lock());
    CHECK(!network.lead());
    CHECK(ours("a").empty());
    MUST(network.begin());
    CHECK(soon([&] { return network.lead().has_value(); }));
    CHECK(has(ours("a"), "set_field:10.0.0.2->tun_dst,IN_PORT"));
    CHECK(has(ours("a"), "hard_timeout=60"));
    CHECK(!has(ours("a"), "output:5"));
    const auto turned = ours("a");
    MUST(network.redirect());
    CHECK(ours("a") == turned);
    MUST(network.withdraw());
    CHECK(!has(ours("a"), "IN_PORT"));
    MUST(network.redirect());
    MUST(network.rollback());
    CHECK(ours("a").empty());
}

void rolls_back() {
    settle_on_a();
    const auto before_a = dump("a");
    const auto before_b = dump("b");
    Registry registry;
    Ovs network(task("a", "b"), registry);
    MUST(network.lock());
    MUST(network.begin());
    MUST(network.redirect());
    CHECK(dump("a") != before_a);
    MUST(network.rollback());
    MUST(network.rollback());
    CHECK(ours("a").empty());
    CHECK(dump("a").size() == before_a.size());
    CHECK(dump("b") == before_b);
    CHECK(!registry.places.at("guest").locked);
    CHECK(registry.places.at("guest").host == "a");
}

void recovers_after_death() {
    settle_on_a();
    Registry registry;
    {
        Ovs dead(task("a", "b"), registry);
        MUST(dead.lock());
        MUST(dead.begin());
        MUST(dead.redirect());
    }
    {
        Ovs next(task("a", "b"), registry);
        MUST(next.rollback());
        CHECK(ours("a").empty());
        CHECK(ours("b").empty());
    }
    {
        Ovs dead(task("a", "b"), registry);
        MUST(dead.lock());
        MUST(dead.begin());
        MUST(dead.redirect());
    }
    Ovs next(task("a", "b"), registry);
    MUST(next.commit());
    CHECK(has(ours("a"), "idle_timeout=1"));
    CHECK(has(dump("c"), "set_field:10.0.0.2->tun_dst"));
    MUST(next.drain());
    CHECK(soon([] { return ours("a").empty(); }));
}

void names_who_was_not_told() {
    settle_on_a();
    Registry registry;
    auto work = task("a", "b");
    auto away = host("a", {});
    away.name = "away";
    away.openflow = MUST(parse_endpoint("unix:" + directory + "/nobody"));
    work.peers.push_back(away);
    work.times.request = milliseconds(500);
    Ovs network(work, registry);
    MUST(network.lock());
    MUST(network.begin());
    MUST(network.redirect());
    const auto committed = network.commit();
    CHECK(!committed);
    CHECK(has(committed.error().message, "switch of away"));
    CHECK(has(dump("c"), "set_field:10.0.0.2->tun_dst"));
    MUST(network.commit());
    MUST(network.drain());
    CHECK(soon([] { return ours("a").empty(); }));
}

void an_older_move_does_not_win() {
    settle_on_a();
    Registry registry;
    Ovs network(task("a", "b"), registry);
    MUST(network.lock());
    MUST(network.begin());
    MUST(network.redirect());
    auto database = MUST(Ovsdb::connect(host("c", {}).ovsdb, seconds(5)));
    const auto key = "vmigrate-" + format(mac(1));
    MUST(database.set_external_ids(Ovsdb::Table::bridge, "c", {{key, "99999"}}));
    const auto committed = network.commit();
    CHECK(!committed);
    CHECK(has(committed.error().message, "later move"));
    CHECK(has(dump("c"), "10.0.0.1"));
    MUST(network.drain());
    Ovs next(task("a", "b"), registry);
    MUST(next.lock());
    CHECK(registry.places.at("guest").version == 100000);
    MUST(next.rollback());
    MUST(database.remove_external_ids(Ovsdb::Table::bridge, "c", {key}));
}

void returns_without_a_loop() {
    settle_on_a();
    Registry registry;
    auto there = task("a", "b");
    there.times.relay_idle = seconds(600);
    {
        Ovs network(there, registry);
        move(network);
    }
    CHECK(has(ours("a"), "IN_PORT"));
    auto back = task("b", "a");
    Ovs network(back, registry);
    MUST(network.lock());
    MUST(network.begin());
    MUST(network.redirect());
    CHECK(!has(ours("a"), "IN_PORT"));
    CHECK(has(ours("b"), "set_field:10.0.0.1->tun_dst,IN_PORT"));
    MUST(network.rollback());
    CHECK(has(ours("a"), "set_field:10.0.0.2->tun_dst,IN_PORT"));
}

void makes_way_for_a_later_move() {
    settle_on_a();
    Registry registry;
    auto work = task("a", "b");
    work.times.relay_idle = seconds(600);
    Ovs network(work, registry);
    move(network);
    Ovs later(task("b", "a"), registry);
    MUST(later.lock());
    MUST(network.drain());
    CHECK(ours("b").empty());
    CHECK(has(ours("a"), "IN_PORT"));
    MUST(later.begin());
    MUST(later.redirect());
    CHECK(!has(ours("a"), "IN_PORT"));
    MUST(later.rollback());
}

/// Moves the guest from a to b, and leaves the drain to another process.
void move_and_leave(OvsTask work, Registry& registry) {
    settle_on_a();
    bool asked = false;
    Ovs network(std::move(work), registry, [&] { return asked = true; });
    move(network);
    MUST(network.drain());
    CHECK(asked);
    CHECK(has(ours("b"), "in_port=64200,dl_dst=52:54:00:00:00:01"));
    CHECK(has(ours("b"), "in_port=9,dl_dst=52:54:00:00:00:02"));
    // as its controller does when it hears of the move
    for (const auto* name : {"a", "b", "c"}) {
        FlowMod all;
        all.command = FlowCommand::remove;
        all.flow.table = TableId::all;
        all.cookies = CookieFilter::exactly(at_a_by_tunnel.cookie);
        MUST(connect(name).change(all));
    }
    CHECK(dump("a").size() == ours("a").size());
}

constexpr auto handed_over_by_tunnel =
    "cookie=0x5d4c0001, table=0, idle_timeout=300, priority=60050,"
    "in_port=64200,dl_dst=52:54:00:00:00:01";

void drains_in_another_process() {
    Registry registry;
    auto work = task("a", "b");
    work.times.relay_idle = seconds(4);
    move_and_leave(work, registry);
    // one that dies
    { const Ovs dead(work, MUST(parse_remains(registry.remains)), registry); }
    CHECK(registry.report.state == DrainState::draining);

    Ovs other(work, MUST(parse_remains(registry.remains)), registry);
    std::thread collector([] {
        std::this_thread::sleep_for(milliseconds(300));
        for (const auto* name : {"a", "b"}) {
            MUST(connect(name).change(FlowMod::remove_all({})));
        }
    });
    MUST(other.drain());
    collector.join();
    CHECK(registry.report == (DrainReport{DrainState::drained, 0, {}, {}, {}}));
    CHECK(ours("b").empty());
    CHECK(has(dump("b"), handed_over_by_tunnel));
    CHECK(has(dump("b"), "in_port=9,dl_dst=52:54:00:00:00:02"));
    // a way back for the neighbour on a
    CHECK(has(dump("a"), "in_port=64200,dl_dst=52:54:00:00:00:02,tun_id=0x64 actions=output:2"));
    CHECK(soon([] { return ours("a").empty(); }));
    CHECK(MUST(Ovs(work, registry).moved_by_another()) == false);
    // again, by somebody who did not see that it was done
    Ovs late(work, MUST(parse_remains(registry.remains)), registry);
    MUST(late.drain());
    CHECK(has(dump("b"), handed_over_by_tunnel));
    CHECK(ours("a").empty());
}

void resumes_no_drain_of_an_earlier_move() {
    Registry registry;
    auto work = task("a", "b");
    work.times.relay_idle = seconds(600);
    move_and_leave(work, registry);
    const auto remains = MUST(parse_remains(registry.remains));
    auto back = task("b", "a");
    Ovs later(back, registry);
    MUST(later.lock());
    MUST(later.begin());
    MUST(later.redirect());
    CHECK(!has(ours("a"), "IN_PORT"));
    CHECK(has(ours("b"), "IN_PORT"));
    {
        Ovs other(work, remains, registry);
        MUST(other.drain());
        CHECK(registry.report.state == DrainState::overtaken);
    }
    CHECK(!has(ours("a"), "IN_PORT"));
    CHECK(has(ours("b"), "IN_PORT"));
    MUST(later.commit());
    MUST(later.drain());
}

void a_drain_waits_for_a_switch() {
    Registry registry;
    auto work = task("a", "b");
    move_and_leave(work, registry);
    auto away = work;
    away.destination.openflow = MUST(parse_endpoint("unix:" + directory + "/nobody"));
    away.times.request = milliseconds(100);
    away.times.alarm = seconds(1);
    Ovs cut(away, MUST(parse_remains(registry.remains)), registry);
    const auto drained = cut.drain();
    CHECK(!drained);
    CHECK(has(drained.error().message, "switch of b"));
    CHECK(registry.report.state == DrainState::draining);
    CHECK(registry.report.problems.size() == 1);
    CHECK(!ours("b").empty());
    Ovs other(work, MUST(parse_remains(registry.remains)), registry);
    MUST(other.drain());
    CHECK(registry.report.state == DrainState::drained);
    CHECK(ours("b").empty());
    CHECK(has(dump("b"), handed_over_by_tunnel));
    CHECK(soon([] { return ours("a").empty(); }));
}

/// The relays have expired before the other process looked.
void a_late_drain_hands_over_all_the_same() {
    Registry registry;
    const auto work = task("a", "b");
    move_and_leave(work, registry);
    FlowMod relays;
    relays.command = FlowCommand::remove;
    relays.flow.table = TableId::all;
    relays.cookies = own_flows();
    MUST(connect("a").change(relays));
    // so many others that what is watched there is told late
    std::vector<FlowMod> others;
    for (std::uint16_t number = 0; number < 20000; ++number) {
        auto match = from_port(Port{2}, mac(2));
        match.set(field::eth_type, std::uint16_t{0x0800}).set(field::ip_proto, std::uint8_t{17});
        others.push_back(FlowMod::add(flow(match.set(field::udp_dst, number), to_port(Port{4}))));
    }
    MUST(connect("b").change_all(others));
    Ovs late(work, MUST(parse_remains(registry.remains)), registry);
    MUST(late.drain());
    CHECK(registry.report.state == DrainState::drained);
    CHECK(ours("b").empty());
    CHECK(has(dump("b"), handed_over_by_tunnel));
}

/// Who sends by tunnels, network-moves has.
void sees_that_a_neighbour_still_sends() {
    settle_on_a();
    Move move;
    move.source = host("a", ip_a).end();
    move.destination = host("b", ip_b).end();
    auto relay = flow(from_port(Port{2}, mac(1)), by_tunnel(ip_b));
    relay.priority = move.relay_priority;
    put("a", relay);
    const auto seen = [&] {
        return MUST(relay_senders(host("a", ip_a), {relay}, move, seconds(1)));
    };
    CHECK(!seen().local);
    std::atomic<bool> over{false};
    std::thread neighbour([&over] {
        auto it = connect("a");
        PacketOut out;
        out.in_port = Port{2};
        out.actions.output(Port::table);
        out.packet.assign(60, 0);
        std::ranges::copy(mac(1).octets, out.packet.begin());
        while (!over) {
            MUST(it.packet_out(out));
            std::this_thread::sleep_for(milliseconds(10));
        }
    });
    const auto senders = seen();
    over = true;
    neighbour.join();
    CHECK(senders.local);
    CHECK(senders.by_tunnel.empty());
    CHECK(!has(dump("a"), "priority=60201"));
}

void says_what_is_missing() {
    Registry registry;
    auto work = task("a", "b");
    work.nics[0].iface_id = "nobody's";
    Ovs network(work, registry);
    const auto locked = network.lock();
    CHECK(!locked);
    CHECK(has(locked.error().message, "no port for the guest's card 52:54:00:00:00:01"));
    CHECK(registry.places.empty());
    MUST(network.rollback());
    auto lost = task("a", "b");
    lost.source.openflow = MUST(parse_endpoint("unix:" + directory + "/nobody"));
    lost.source.ovsdb = lost.source.openflow;
    Ovs nowhere(lost, registry);
    CHECK(has(nowhere.lock().error().message, "switch of a: "));
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc == 2);
    directory = argv[1];
    redirects_when_the_cards_are_silent();
    moves_and_leaves_nothing();
    mirrors_for_a_moment();
    goes_early();
    rolls_back();
    recovers_after_death();
    names_who_was_not_told();
    an_older_move_does_not_win();
    returns_without_a_loop();
    makes_way_for_a_later_move();
    drains_in_another_process();
    resumes_no_drain_of_an_earlier_move();
    a_drain_waits_for_a_switch();
    a_late_drain_hands_over_all_the_same();
    sees_that_a_neighbour_still_sends();
    says_what_is_missing();
    std::printf("%d checks\n", checks);
    return 0;
}
