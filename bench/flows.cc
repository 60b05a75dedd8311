// SPDX-License-Identifier: GPL-2.0-or-later
//
// bench_flows DIRECTORY FLOWS ROUNDS: see bench/flows, which starts the switches whose sockets are
// in DIRECTORY.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "flow_traffic.h"
#include "handover/ovs.h"

namespace {

using namespace vmigrate;
using namespace vmigrate::netflow;
using namespace vmigrate::handover;
using std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr unsigned packets_per_second = 5000;
constexpr int peers = 50;
constexpr int single_changes = 500;
constexpr Cookie controller{0x5d4c0001};
const Mac guest_mac{{0x52, 0x54, 0, 0, 0, 1}};
const TunnelId vni{100};
const Ipv4 address_a{{10, 0, 0, 1}};
const Ipv4 address_b{{10, 0, 0, 2}};
const Port tunnel{64200};
const Port guest_at_a{5};
const Port guest_at_b{9};
constexpr seconds patience{60};

std::string directory;

[[noreturn]] void give_up(const std::string& message) {
    fmt::print(stderr, "bench_flows: {}\n", message);
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) {
        give_up(result.error().message);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

TimePoint now() {
    return steady_clock::now();
}

template <class Action>
double time_of(Action action) {
    const auto begin = now();
    action();
    return Milliseconds(now() - begin).count();
}

// ---- the switches and their flows

OvsHost host(const std::string& process, const std::string& bridge, Ipv4 address) {
    const auto at = "unix:" + directory + "/" + process + "/";
    OvsHost result;
    result.name = bridge;
    result.openflow = must(parse_endpoint(at + bridge + ".mgmt"));
    result.ovsdb = must(parse_endpoint(at + "db.sock"));
    result.bridge = bridge;
    result.tunnel_address = address;
    return result;
}

const OvsHost& host_a() {
    static const auto a = host("a", "a", address_a);
    return a;
}
const OvsHost& host_b() {
    static const auto b = host("b", "b", address_b);
    return b;
}

Move a_to_b() {
    return {host_a().end(), host_b().end(), {{guest_mac, vni, guest_at_a, guest_at_b}}, 7, 1};
}

Switch connect(const OvsHost& where) {
    return must(Switch::connect(where.openflow, patience));
}

Mac neighbour(std::uint32_t number) {
    return {{0x02, 0, 0, static_cast<std::uint8_t>(number >> 16U),
             static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)}};
}

Flow flow(const Match& match, const Actions& actions) {
    Flow result;
    result.priority = 60050;
    result.cookie = controller;
    result.match = match;
    result.instructions = Instructions::apply(actions);
    return result;
}

Flow to_neighbour(Mac mac, Ipv4 end) {
    return flow(
        Match().set(field::in_port, guest_at_a).set(field::eth_dst, mac),
        Actions().set_field(field::tunnel_id, vni).set_field(field::tun_dst, end).output(tunnel));
}

Flow from_neighbour(Mac mac) {
    return flow(Match()
                    .set(field::in_port, tunnel)
                    .set(field::eth_src, mac)
                    .set(field::eth_dst, guest_mac)
                    .set(field::tunnel_id, vni),
                Actions().output(guest_at_a));
}

/// A network in which the guest talks to very many others: a flow there and one back for each.
void fill_a(std::uint32_t flows) {
    std::vector<FlowMod> changes;
    for (std::uint32_t number = 0; number < flows; ++number) {
        const auto mac = neighbour(number / 2);
        const Ipv4 end{{10, 0, 1, static_cast<std::uint8_t>(number / 2)}};
        changes.push_back(
            FlowMod::add(number % 2 == 0 ? to_neighbour(mac, end) : from_neighbour(mac)));
    }
    must(connect(host_a()).change_all(changes));
}

CookieFilter copies_of_ofctl() {
    return CookieFilter::exactly(controller);
}

void clear_b() {
    auto b = connect(host_b());
    must(b.change(FlowMod::remove_all(own_flows())));
    must(b.change(FlowMod::remove_all(copies_of_ofctl())));
}

void must_have_at_b(const CookieFilter& cookies, std::size_t flows) {
    FlowFilter filter;
    filter.cookies = cookies;
    const auto found = must(connect(host_b()).dump_flows(filter)).size();
    if (found != flows) {
        give_up(fmt::format("b has {} copies, not {}", found, flows));
    }
}

// ---- what is measured

struct Series {
    std::vector<double> values;

    double at(double share) const {
        auto sorted = values;
        std::ranges::sort(sorted);
        const auto place = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
        return sorted[std::min(place, sorted.size() - 1)];
    }
    double median() const { return at(0.5); }
    double most() const { return at(1); }
};

void copy_by_ofctl() {
    const auto at = [](const std::string& name) {
        return "unix:" + directory + "/" + name + "/" + name + ".mgmt";
    };
    const auto command = fmt::format(
        "ovs-ofctl -vconsole:off -O OpenFlow14 dump-flows --no-stats {} | "
        "ovs-ofctl -vconsole:off -O OpenFlow14 --bundle add-flows {} -",
        at("a"), at("b"));
    if (std::system(command.c_str()) != 0) {
        give_up(command + " failed");
    }
}

/// With the ports of b in place of those of a, as a move needs it.
void copy_in_one_bundle() {
    auto a = connect(host_a());
    auto b = connect(host_b());
    const auto move = a_to_b();
    const Surroundings there{[](Mac) { return std::optional<Port>(); }, [](Port) { return true; }};
    std::vector<FlowMod> changes;
    for (const auto& one : must(a.dump_flows())) {
        if (auto copied = copy_for_destination(one.flow, move, there); copied.flow) {
            changes.push_back(FlowMod::add(std::move(*copied.flow)));
        }
    }
    must(b.change_all(changes));
}

std::unique_ptr<OvsFollower> follow() {
    auto follower = std::make_unique<OvsFollower>(a_to_b(), host_a(), host_b(), patience);
    follower->copy(a_to_b());
    must(follower->wait_for_copies(now() + patience));
    return follower;
}

struct Copies {
    Series bundle, gentle, gentle_lost, gentle_gap;
    Series ofctl, ofctl_lost, ofctl_gap;  // as bundle, under traffic
};

template <class Copy>
bench::Traffic::Count time_under_traffic(Series& times, Copy copy) {
    bench::Traffic traffic("wire-in", "wire-out", packets_per_second);
    std::this_thread::sleep_for(milliseconds(300));
    times.values.push_back(time_of(copy));
    std::this_thread::sleep_for(milliseconds(300));
    return traffic.end();
}

void copy_in_turn(std::size_t flows, Copies& copies) {
    clear_b();
    copies.bundle.values.push_back(time_of(copy_in_one_bundle));
    must_have_at_b(own_flows(), flows);
    clear_b();
    copies.ofctl.values.push_back(time_of(copy_by_ofctl));
    must_have_at_b(copies_of_ofctl(), flows);
    clear_b();
    const auto gentle = time_under_traffic(copies.gentle, [] { follow(); });
    must_have_at_b(own_flows(), flows);
    clear_b();
    Series ignored;
    const auto ofctl = time_under_traffic(ignored, copy_by_ofctl);
    must_have_at_b(copies_of_ofctl(), flows);
    copies.gentle_lost.values.push_back(static_cast<double>(gentle.lost));
    copies.gentle_gap.values.push_back(static_cast<double>(gentle.longest_gap.count()));
    copies.ofctl_lost.values.push_back(static_cast<double>(ofctl.lost));
    copies.ofctl_gap.values.push_back(static_cast<double>(ofctl.longest_gap.count()));
    clear_b();
}

/// From before it is made at a to when b's flow monitor has told of it.
Series time_single_changes() {
    const Mac special{{0x02, 0xff, 0, 0, 0, 1}};
    Watched watched;
    watched.match.set(field::eth_dst, special);
    FlowMonitor at_b(host_b().openflow, {watched}, patience);
    auto a = connect(host_a());
    Series late;
    const auto next_change = [&] {
        for (;;) {
            while (const auto change = at_b.next()) {
                if (change->kind == FlowChange::Kind::added ||
                    change->kind == FlowChange::Kind::modified) {
                    return;
                }
            }
            if (!at_b.wait(now() + patience)) {
                give_up("a change was not followed");
            }
        }
    };
    at_b.wait(now() + patience);
    for (int i = 0; i < single_changes; ++i) {
        // at odds with whatever is done regularly
        std::this_thread::sleep_for(milliseconds(5 + i % 11));
        const Ipv4 end{{10, 0, 2, static_cast<std::uint8_t>(i)}};
        late.values.push_back(time_of([&] {
            must(a.change(FlowMod::add(to_neighbour(special, end))));
            next_change();
        }));
    }
    must(a.change(FlowMod::remove_strict(FlowKey::of(to_neighbour(special, address_a)))));
    return late;
}

// ---- what it costs

double memory_mib(const char* field) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(field)) {
            return std::strtod(line.c_str() + line.find_first_of("0123456789"), nullptr) / 1024;
        }
    }
    return 0;
}

/// How much is there, after which VmHWM is the peak since.
double forget_peak() {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
    return memory_mib("VmRSS:");
}

double processor_ms() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    const auto ms = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return ms(use.ru_utime) + ms(use.ru_stime);
}

/// Of the follower, while nothing happens.
double processor_percent_at_rest() {
    constexpr seconds rest{4};
    const auto before = processor_ms();
    std::this_thread::sleep_for(rest);
    return (processor_ms() - before) / Milliseconds(rest).count() * 100;
}

// ---- a whole move

class Registry final : public LocationRegistry {
  public:
    Result<std::optional<Location>> find(const std::string& guest) override {
        const auto found = places_.find(guest);
        return found == places_.end() ? std::optional<Location>() : found->second;
    }
    Result<void> remember(const std::string& guest, const Location& location) override {
        places_[guest] = location;
        return {};
    }

  private:
    std::map<std::string, Location> places_;
};

OvsTask move_with_peers() {
    OvsTask task;
    task.guest_uuid = "guest";
    task.nics = {{guest_mac, "guest-card", vni}};
    task.source = host_a();
    task.destination = host_b();
    for (int i = 1; i <= peers; ++i) {
        task.peers.push_back(host("peers", fmt::format("peer{}", i), {{10, 0, 3, 1}}));
    }
    task.times.request = patience;
    return task;
}

Flow at_peer(Ipv4 end) {
    return flow(
        Match().set(field::in_port, Port{3}).set(field::eth_dst, guest_mac),
        Actions().set_field(field::tunnel_id, vni).set_field(field::tun_dst, end).output(tunnel));
}

struct MoveTimes {
    Series lock, begin, redirect, commit;
};

void move_in_steps(MoveTimes& times) {
    clear_b();
    const auto task = move_with_peers();
    for (const auto& peer : task.peers) {
        must(connect(peer).change(FlowMod::add(at_peer(address_a))));
    }
    Registry registry;
    Ovs network(task, registry);
    times.lock.values.push_back(time_of([&] { must(network.lock()); }));
    times.begin.values.push_back(time_of([&] { must(network.begin()); }));
    std::this_thread::sleep_for(seconds(5));  // the guest's memory takes longer
    times.redirect.values.push_back(time_of([&] { must(network.redirect()); }));
    times.commit.values.push_back(time_of([&] { must(network.commit()); }));
    for (const auto& peer : task.peers) {
        const auto flows = must(connect(peer).dump_flows());
        if (flows.size() != 1 || flows[0].flow.instructions != at_peer(address_b).instructions) {
            give_up(peer.name + " was not replaced");
        }
    }
    // the next round begins where this one did
    must(connect(host_a()).change(FlowMod::remove_all(own_flows())));
}

// ---- the tables

void print_copies(std::size_t flows, const Copies& c) {
    fmt::print("{} flows, {} rounds in turn; medians (most)\n\n", flows, c.bundle.values.size());
    const auto cell = [](const Series& s) {
        return fmt::format("{:.0f} ({:.0f})", s.median(), s.most());
    };
    const auto row = [](const std::string& what, const std::string& ours, const std::string& theirs,
                        const std::string& ratio) {
        fmt::print("{:<40} {:>16} {:>16} {:>8}\n", what, ours, theirs, ratio);
    };
    const auto ratio = [&](const Series& ours) {
        return fmt::format("{:.2f}", c.ofctl.median() / ours.median());
    };
    row("", "vmigrate", "ovs-ofctl", "ratio");
    row("full copy, one bundle: ms", cell(c.bundle), cell(c.ofctl), ratio(c.bundle));
    row("gentle copy: ms", cell(c.gentle), "-", ratio(c.gentle));
    row(fmt::format("  lost of {} packets/s", packets_per_second), cell(c.gentle_lost),
        cell(c.ofctl_lost), "");
    row("  longest gap between two: ms", cell(c.gentle_gap), cell(c.ofctl_gap), "");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        give_up("DIRECTORY FLOWS ROUNDS");
    }
    directory = argv[1];
    const auto flows = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
    const int rounds = std::atoi(argv[3]);
    fill_a(flows);
    // first, while nothing else has used memory
    const double memory = forget_peak();
    auto follower = follow();
    const double peak = memory_mib("VmHWM:") - memory;
    const double kept = memory_mib("VmRSS:") - memory;
    const double percent = processor_percent_at_rest();
    const auto late = time_single_changes();
    follower.reset();

    Copies copies;
    for (int round = 0; round < rounds; ++round) {
        copy_in_turn(flows, copies);
    }
    print_copies(flows, copies);

    fmt::print(
        "\n{} single changes at a until told by b: median {:.2f} ms, 99 % {:.2f} ms, most "
        "{:.2f} ms\n",
        late.values.size(), late.median(), late.at(0.99), late.most());
    const auto bytes_per_flow = [&](double mib) { return mib * 1024 * 1024 / flows; };
    fmt::print(
        "memory to follow them: {:.0f} MiB ({:.0f} bytes a flow), at most {:.0f} MiB ({:.0f})\n",
        kept, bytes_per_flow(kept), peak, bytes_per_flow(peak));
    fmt::print("processor time to follow them while nothing happens: {:.1f} %\n\n", percent);

    MoveTimes times;
    for (int round = 0; round < rounds; ++round) {
        move_in_steps(times);
    }
    fmt::print(
        "a move with {} peers: median (most) ms: lock {:.0f} ({:.0f}), begin {:.0f} ({:.0f}), "
        "redirect {:.0f} ({:.0f}), commit {:.0f} ({:.0f})\n",
        peers, times.lock.median(), times.lock.most(), times.begin.median(), times.begin.most(),
        times.redirect.median(), times.redirect.most(), times.commit.median(), times.commit.most());
    return 0;
}
