// SPDX-License-Identifier: GPL-2.0-or-later
//
// moves_check DIRECTORY chain|late|addresses|senders|guard|figures N: moves a guest on the switches
// of tests/lab/moves-common.sh, under traffic from all of them. Nobody runs the guest: it answers
// on every host, so that what the network does can be counted exactly.
#include <algorithm>
#include <cstdio>
#include <list>

#include "netflow/deletions.h"
#include "netflow/holding_proxy.h"
#include "netflow/real_switches.h"
#include "netflow/traffic.h"

using namespace vmigrate::test;

namespace {

/// OpenFlow's messages.
constexpr int multipart = 18;
constexpr int flow_mod = 14;  // a change that is alone comes without a bundle

/// A switch that is late by a quarter of a second must not lose what waits for it.
constexpr milliseconds between_datagrams{5};

/// Moves that may overlap: each drains in a thread of its own, as vmigrate's processes do.
class Moves {
  public:
    Ovs& move(const std::string& from, const std::string& to) {
        auto& network = moves_.emplace_back(task(from, to), registry).network;
        MUST(network.lock());
        MUST(network.begin());
        MUST(network.redirect());
        MUST(network.commit());
        drain(moves_.back());
        return network;
    }
    /// Until all drains are over.
    void end() {
        for (auto& one : moves_) {
            one.drain.join();
        }
        moves_.clear();
    }
    Registry registry;

  private:
    struct One {
        One(OvsTask task, Registry& registry) : network(std::move(task), registry) {}
        Ovs network;
        std::thread drain;
    };
    static void drain(One& one) {
        one.drain = std::thread([&one] { MUST(one.network.drain()); });
    }
    std::list<One> moves_;
};

std::uint64_t version_at(const std::string& name) {
    auto database = MUST(Ovsdb::connect(host(name).ovsdb, seconds(5)));
    const auto ids = MUST(database.external_ids(Ovsdb::Table::bridge, name));
    const auto found = ids.find("vmigrate-" + format(mac(1)));
    return found != ids.end() ? std::strtoull(found->second.c_str(), nullptr, 10) : 0;
}

/// What the sender of a switch does with what is for the guest.
std::string sent_at(const std::string& name) {
    FlowFilter filter;
    filter.match = from_port(sender_port, mac(1));
    const auto flows = MUST(connect(name).dump_flows(filter));
    CHECK(flows.size() == 1);
    return format(flows.at(0).flow.instructions);
}

void all_know_that_it_is_on(const std::string& where, std::uint64_t version) {
    const auto& there = places().at(where);
    for (const auto& [name, place] : places()) {
        const auto sent = sent_at(name);
        if (name == where) {
            CHECK(sent == "output:" + format(there.guest));
        } else {
            CHECK(has(sent, "set_field:" + format(there.tunnel_end) + "->tun_dst"));
        }
        CHECK(version_at(name) == version);
    }
    const auto at_home = ours(where);
    if (has(at_home, "priority=60200")) {
        std::fprintf(stderr, "%s has a relay to where it is not:\n%s", where.c_str(),
                     at_home.c_str());
        CHECK(false);  // it would loop
    }
}

/// Packets that came by tunnels, everywhere.
std::uint64_t hops() {
    std::uint64_t sum = 0;
    for (const auto& [name, place] : places()) {
        sum += MUST(connect(name).counters(tunnel)).received;
    }
    return sum;
}

std::uint64_t relayed() {
    FlowFilter filter;
    filter.cookies = own_flows();
    std::uint64_t sum = 0;
    for (const auto& [name, place] : places()) {
        for (const auto& one : MUST(connect(name).dump_flows(filter))) {
            sum += one.flow.priority == default_relay_priority ? one.packets : 0;
        }
    }
    return sum;
}

void nothing_lost(const Traffic::Tally& tally) {
    std::printf("%llu datagrams: lost %llu, duplicated %llu; answers: lost %llu, duplicated %llu\n",
                static_cast<unsigned long long>(tally.sent),
                static_cast<unsigned long long>(tally.lost),
                static_cast<unsigned long long>(tally.duplicated),
                static_cast<unsigned long long>(tally.answers_lost),
                static_cast<unsigned long long>(tally.answers_duplicated));
    CHECK(tally.sent > 50);
    CHECK(tally.lost == 0 && tally.duplicated == 0);
    CHECK(tally.answers_lost == 0 && tally.answers_duplicated == 0);
}

void leaves_nothing() {
    for (const auto& entry : places()) {
        CHECK(soon([&name = entry.first] { return ours(name).empty(); }));
    }
}

/// Round and round, each move as soon as the one before is committed: relays in both directions
/// would be there at once, in the circle and between two hosts.
void chain() {
    settle_on_a();
    Traffic traffic({"sa", "sb", "sc", "sp"}, {"ga", "gb", "gc"});
    Moves moves;
    const auto hops_before = hops();
    traffic.start(between_datagrams);
    const std::vector<std::string> way{"a", "b", "c", "a", "b", "a"};
    auto version = version_at("a");
    for (std::size_t i = 1; i < way.size(); ++i) {
        moves.move(way[i - 1], way[i]);
        all_know_that_it_is_on(way[i], ++version);
        std::this_thread::sleep_for(milliseconds(300));
    }
    const auto relays = relayed();
    const auto tally = traffic.stop();
    const auto sum = hops() - hops_before;
    nothing_lost(tally);
    // to the guest by at most two relays, and its answer straight or by where it came from
    std::printf("%llu packets by tunnels, %llu by relays that are there\n",
                static_cast<unsigned long long>(sum), static_cast<unsigned long long>(relays));
    CHECK(sum <= tally.sent * 5);
    moves.end();
    all_know_that_it_is_on("a", version);
    leaves_nothing();
}

/// The first move's replace at the peer comes to pass only after the second move's.
void late_by(const std::string& what, const std::string& socket, int message_type) {
    settle_on_a();
    Traffic traffic({"sp"}, {"ga", "gb", "gc"});
    HoldingProxy proxy(directory + "/held", directory + "/p/" + socket);
    Registry registry;
    auto work = task("a", "b");
    auto& peer = work.peers.back();
    CHECK(peer.name == "p");
    (socket == "db.sock" ? peer.ovsdb : peer.openflow) =
        MUST(parse_endpoint("unix:" + directory + "/held"));
    work.times.request = seconds(10);
    Ovs first(work, registry);
    MUST(first.lock());
    MUST(first.begin());
    traffic.start(between_datagrams);
    MUST(first.redirect());
    proxy.hold_from(message_type);
    std::thread commit([&] { static_cast<void>(first.commit()); });
    CHECK(proxy.wait_until_held());
    Ovs second(task("b", "c"), registry);
    MUST(second.lock());
    MUST(second.begin());
    MUST(second.redirect());
    MUST(second.commit());
    std::this_thread::sleep_for(milliseconds(200));
    proxy.release();
    commit.join();
    std::this_thread::sleep_for(milliseconds(200));
    std::printf("late by %s: ", what.c_str());
    all_know_that_it_is_on("c", version_at("c"));
    CHECK(registry.places.at("guest").host == "c");
    nothing_lost(traffic.stop());
    MUST(first.drain());
    MUST(second.drain());
    all_know_that_it_is_on("c", version_at("c"));
    leaves_nothing();
}

/// The second move's guard does not hear in time that the guest has gone on: what the third
/// replaces where the second came from sends to where the guest was once, as if somebody wrote that
/// back.
void late_news() {
    settle_on_a();
    Traffic traffic({"sb", "sp"}, {"ga", "gb", "gc"});
    HoldingProxy proxy(directory + "/held", directory + "/c/c.mgmt");
    Moves moves;
    traffic.start(between_datagrams);
    moves.move("a", "b");
    auto work = task("b", "c");
    work.destination.openflow = MUST(parse_endpoint("unix:" + directory + "/held"));
    Ovs second(work, moves.registry);
    MUST(second.lock());
    MUST(second.begin());
    MUST(second.redirect());
    MUST(second.commit());
    proxy.hold_answers();
    moves.move("c", "a");
    std::this_thread::sleep_for(milliseconds(200));
    all_know_that_it_is_on("a", version_at("a"));
    proxy.release();
    MUST(second.drain());
    std::printf("late news: ");
    nothing_lost(traffic.stop());
    moves.end();
    all_know_that_it_is_on("a", version_at("a"));
    leaves_nothing();
}

void late() {
    late_by("its claim", "db.sock", HoldingProxy::anything);
    late_by("its look", "p.mgmt", multipart);
    late_by("its write", "p.mgmt", flow_mod);
    late_news();
}

/// The guest's second card is in a network where flows know it by its IPv4 and IPv6 addresses only.
/// The first has the same IPv4 address in a network of its own.
const TunnelId second_vni{200};
const Mac second_card = mac(11);

std::vector<Match> to_second_card(Port from) {
    const auto of_type = [from](std::uint16_t type) {
        return Match().set(field::in_port, from).set(field::eth_type, type);
    };
    const Ipv4 ip4{{10, 81, 0, 1}};
    const auto ip6 = MUST(parse_ipv6("fd00::1"));
    return {of_type(0x0806).set(field::arp_tpa, ip4), of_type(0x0800).set(field::ipv4_dst, ip4),
            of_type(0x86dd).set(field::ipv6_dst, ip6),
            of_type(0x86dd)
                .set(field::ip_proto, std::uint8_t{58})
                .set(field::icmpv6_type, std::uint8_t{135})
                .set(field::nd_target, ip6)};
}

void put(const std::string& name, const Match& match, const Actions& actions) {
    MUST(connect(name).change(FlowMod::add(flow(match, actions))));
}

void settle_second_card_on_a() {
    constexpr Port at_a{6};
    constexpr Port sender{3};
    const auto over = [](const std::string& name) {
        return Actions()
            .set_field(field::tunnel_id, second_vni)
            .set_field(field::tun_dst, places().at(name).tunnel_end)
            .output(tunnel);
    };
    for (auto match : to_second_card(tunnel)) {
        put("a", match.set(field::tunnel_id, second_vni), to_port(at_a));
    }
    for (const auto& match : to_second_card(sender)) {
        put("a", match, to_port(at_a));
        put("p", match, over("a"));
    }
    put("a", from_port(at_a, mac(0x31)), to_port(sender));
    put("a", from_port(at_a, mac(0x34)), over("p"));
    put("p", from_port(tunnel, mac(0x34)).set(field::tunnel_id, second_vni), to_port(sender));
}

/// Both senders have to ask again who has the guest's addresses. Each address is forgotten once:
/// "ip neigh flush" looks again, and takes with it a datagram that waits for the answer.
void forget_neighbours() {
    for (const auto* sender : {"ta", "tp"}) {
        for (const auto* address : {"10.81.0.1", "fd00::1"}) {
            const auto command =
                std::string("ip -n ") + sender + " neigh del " + address + " dev eth0";
            CHECK(std::system(command.c_str()) == 0);
        }
    }
    std::this_thread::sleep_for(milliseconds(200));
}

void turn_second_card(Ovs& network) {
    MUST(network.lock());
    MUST(network.begin());
    forget_neighbours();
    MUST(network.redirect());
    forget_neighbours();
    MUST(network.commit());
    forget_neighbours();
}

/// There and back again, before the relays are over.
void addresses() {
    settle_on_a();
    settle_second_card_on_a();
    Traffic first({"sa", "sp"}, {"ga", "gb"});
    Traffic ipv4({"ta", "tp"}, {"ha", "hb"});
    Traffic ipv6({"ta", "tp"}, {"ha", "hb"}, "fd00::1");
    const auto hops_before = hops();
    for (auto* one : {&first, &ipv4, &ipv6}) {
        one->start(2 * between_datagrams);
    }
    Registry registry;
    const auto both_cards = [](OvsTask task) {
        task.nics.push_back({second_card, "second-card"});
        return task;
    };
    Ovs there(both_cards(task("a", "b")), registry);
    turn_second_card(there);
    CHECK(!has(dump("p"), "10.78.0.1"));
    CHECK(has(dump("p"), "arp_tpa=10.81.0.1 actions=set_field:0xc8->tun_id,set_field:10.78.0.2"));
    Ovs back(both_cards(task("b", "a")), registry);
    turn_second_card(back);
    CHECK(!has(dump("p"), "10.78.0.2"));
    CHECK(!has(ours("a"), "priority=60200"));
    std::uint64_t sent = 0;
    for (auto* one : {&first, &ipv4, &ipv6}) {
        const auto tally = one->stop();
        nothing_lost(tally);
        sent += tally.sent;
    }
    CHECK(hops() - hops_before <= sent * 5);
    MUST(there.drain());
    MUST(back.drain());
    leaves_nothing();
}

/// At the alarm those are named who still send to the old host: also one that nobody configured.
void stale_senders() {
    settle_on_a();
    Traffic traffic({"sa", "sc", "sp"}, {"ga", "gb"});
    auto work = task("a", "b");
    work.times.alarm = seconds(1);
    std::erase_if(work.peers, [](const auto& peer) { return peer.name == "p"; });
    Registry registry;
    Ovs network(work, registry);
    traffic.start(between_datagrams);
    MUST(network.lock());
    MUST(network.begin());
    MUST(network.redirect());
    MUST(network.commit());
    const auto drained = network.drain();
    CHECK(!drained);
    CHECK(has(drained.error().message, "senders that were not updated: 10.78.0.4"));
    CHECK(registry.report.state == DrainState::alarm);
    CHECK(registry.report.stale_senders == std::vector<std::string>{"10.78.0.4"});
    CHECK(!has(ours("a"), "priority=60201"));
    MUST(connect("p").change(FlowMod::add(from_sender(places().at("b").tunnel_end))));
    nothing_lost(traffic.stop());
    leaves_nothing();
}

using std::chrono::microseconds;

microseconds percentile(const std::vector<microseconds>& sorted, std::size_t percent) {
    return sorted.empty() ? microseconds(0) : sorted[(sorted.size() - 1) * percent / 100];
}

void print(const std::vector<DeletionFigures>& all) {
    std::printf("%-14s %-14s %9s %9s %6s %9s %9s %9s\n", "flows", "deleted by", "deletions",
                "covered", "lost", "median us", "p99 us", "most us");
    for (const auto& one : all) {
        std::printf("%-14s %-14s %9u %9zu %6llu %9lld %9lld %9lld\n", one.where.c_str(),
                    one.by.c_str(), one.deletions, one.away.size() + one.never_back,
                    static_cast<unsigned long long>(one.lost),
                    static_cast<long long>(percentile(one.away, 50).count()),
                    static_cast<long long>(percentile(one.away, 99).count()),
                    static_cast<long long>(percentile(one.away, 100).count()));
    }
}

/// What nobody puts back loses everything from a deletion on.
void guard() {
    const auto all = delete_and_watch(6);
    print(all);
    for (const auto& one : all) {
        const bool relays = one.where == "redirect at a" || one.where == "relay at a";
        if (relays && (one.by == "tun_id,dl_dst" || one.by == "dl_dst")) {
            CHECK(one.lost == 0);
        } else {
            CHECK(!one.away.empty());
            CHECK(one.lost_at_the_end == 0);
        }
    }
}

void figures(const char* times) {
    print(delete_and_watch(static_cast<unsigned>(std::atoi(times))));
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(argc >= 3);
    directory = argv[1];
    const std::string what = argv[2];
    if (what == "chain") {
        chain();
    } else if (what == "late") {
        late();
    } else if (what == "addresses") {
        addresses();
    } else if (what == "senders") {
        stale_senders();
    } else if (what == "guard") {
        guard();
    } else {
        CHECK(what == "figures" && argc == 4);
        figures(argv[3]);
        return 0;
    }
    std::printf("%d checks\n", checks);
    return 0;
}
