// SPDX-License-Identifier: GPL-2.0-or-later
//
// bench_fleet [scale | moves FILE]: see bench/fleet.
#include <fmt/format.h>
#include <malloc.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "fleet/schedule.h"
#include "fleet/simulation.h"

namespace {

using namespace vmigrate;
using namespace vmigrate::fleet;
using std::chrono::steady_clock;

double seconds_since(TimePoint begin) {
    return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

double minutes(milliseconds time) {
    return static_cast<double>(time.count()) / 60'000;
}

double mebibytes_used() {
    const auto info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd) / (1U << 20U);
}

// ---- a fleet

struct Size {
    unsigned guests = 0;
    unsigned sources = 0;       ///< that are emptied
    unsigned destinations = 0;  ///< that take them
    unsigned out = 1;
};

std::string source(unsigned number) {
    return fmt::format("old{:04}", number);
}

/// Guests as one finds them: most are small and idle, some large, some busy; a few are bound to a
/// network or storage that not all hosts have, or must not meet.
Fleet fleet_of(const Size& size) {
    std::mt19937 random(7);
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    Fleet fleet;
    const BytesPerSecond ten_gigabit{1'250'000'000};
    for (unsigned i = 0; i < size.sources + size.destinations; ++i) {
        auto& host = fleet.hosts.emplace_back();
        host.name = i < size.sources ? source(i) : fmt::format("new{:04}", i - size.sources);
        host.memory_total = gibibytes(512);
        host.memory_free = i < size.sources ? gibibytes(64) : gibibytes(200 + random() % 280);
        host.cpus = 64;
        host.busy_cpus = static_cast<double>(4 + random() % 16);
        host.link = ten_gigabit;
        host.most_out = size.out;
        host.offers = {"cpu Skylake-Server", "bridge br0", "storage /srv/images"};
        if (i % 2 == 0) {
            host.offers.insert("bridge br5");
        }
        if (i % 3 == 0) {
            host.offers.insert("storage /srv/fast");
        }
    }
    for (unsigned i = 0; i < size.guests; ++i) {
        auto& guest = fleet.guests.emplace_back();
        guest.uuid = fmt::format("00000000-0000-0000-0000-{:012}", i);
        guest.name = fmt::format("guest{}", i);
        guest.host = source(i % size.sources);
        guest.memory = gibibytes(std::uint64_t{1} << random() % 6);
        guest.busy_cpus = one_in(5) ? 1.5 : 0.05;
        guest.needs = {"cpu Skylake-Server", "bridge br0", "storage /srv/images"};
        if (one_in(10)) {
            guest.needs.insert("bridge br5");
        }
        if (one_in(20)) {
            guest.needs.insert("storage /srv/fast");
        }
        if (one_in(10)) {
            const auto name = fmt::format("apart{}", i / 100);
            guest.groups.insert(name);
            fleet.groups[name].rule = Group::Rule::apart;
        }
        guest.load.to_send = guest.memory * (0.3 + 0.07 * static_cast<double>(random() % 10));
        guest.load.dirty_rate = {one_in(5) ? 40'000'000U + random() % 400'000'000U
                                           : random() % 2'000'000U};
        guest.load.fixed = milliseconds(500 + random() % 500);
    }
    return fleet;
}

Rules rules_of(const Size& size) {
    Rules rules;
    for (unsigned i = 0; i < size.sources; ++i) {
        rules.hosts.insert(source(i));
    }
    rules.most_parallel = size.sources * size.out;
    return rules;
}

Bound bound_for(const Fleet& fleet, const Rules& rules) {
    std::map<std::string, HostId> ids;
    auto hosts = fleet.hosts;
    for (HostId id = 0; id < hosts.size(); ++id) {
        ids[hosts[id].name] = id;
        if (rules.hosts.contains(hosts[id].name)) {
            hosts[id].most_in = 0;
        }
    }
    std::vector<Transfer> transfers;
    for (const auto& guest : fleet.guests) {
        transfers.push_back({ids.at(guest.host), {}, guest.load});
    }
    return bound_of(transfers, hosts, rules.bandwidth, rules.most_parallel);
}

std::string verdicts_of(const Played& played) {
    std::map<std::string_view, unsigned> counts;
    for (const auto& standing : played.standings) {
        ++counts[name_of(standing.state)];
    }
    std::string words;
    for (const auto& [name, count] : counts) {
        words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, name);
    }
    return words;
}

void scale(const Size& size, const Weather& weather, const std::string& title) {
    const double before = mebibytes_used();
    const auto fleet = fleet_of(size);
    const auto rules = rules_of(size);
    const TimePoint begin{};
    const auto clock = steady_clock::now();
    Evacuation evacuation(rules, fleet, begin);
    auto planned = evacuation;  // the first moves are chosen when it begins
    planned.happened(TimePassed{}, begin);
    const double planning = seconds_since(clock);
    const double memory = mebibytes_used() - before;
    const auto played_clock = steady_clock::now();
    const auto played = play(std::move(evacuation), begin, weather);
    const double playing = seconds_since(played_clock);
    const auto bound = bound_for(fleet, rules);
    const auto more = [&](milliseconds than) {
        return 100 * (minutes(played.total) / minutes(than) - 1);
    };
    fmt::print("{}\n", title);
    fmt::print("  {} guests from {} hosts to {}, {} out at the same time of each\n", size.guests,
               size.sources, size.destinations, size.out);
    fmt::print("  planned in {:.2f} s with {:.0f} MiB; played in {:.1f} s\n", planning, memory,
               playing);
    fmt::print(
        "  schedule {:.1f} min; bound of the links {:.1f} min (+{:.1f} %), with the limits "
        "{:.1f} min (+{:.1f} %)\n",
        minutes(played.total), minutes(bound.links), more(bound.links), minutes(bound.total()),
        more(bound.total()));
    fmt::print("  {} moves, {} hosts died; {}{}\n\n", played.moves.size(), played.dead_hosts,
               verdicts_of(played), played.over ? "" : "; NOT OVER");
    std::fflush(stdout);
}

int scale_all() {
    scale({10'000, 500, 500, 1}, {}, "one out at a time");
    scale({10'000, 500, 500, 2}, {}, "two out at a time");
    scale({10'000, 50, 500, 2}, {}, "50 hosts are emptied into 500");
    scale({40, 1, 10, 1}, {}, "one host");
    Weather stormy;
    stormy.noise = 0.2;
    stormy.failing_moves = 0.05;
    stormy.failing_hosts = 0.05;
    scale({10'000, 500, 2'500, 2}, stormy, "3000 hosts, moves and hosts fail");
    scale({30'000, 1'500, 1'500, 2}, stormy, "30,000 guests, moves and hosts fail");
    return 0;
}

// ---- how well move_time fits

int compare(const char* path) {
    std::ifstream file(path);
    if (!file) {
        fmt::print(stderr, "bench_fleet: cannot read '{}'\n", path);
        return 1;
    }
    fmt::print("{:>10} {:>10} {:>10} {:>10} {:>9} {:>9} {:>7}\n", "to send", "dirty/s", "bandwidth",
               "fixed", "measured", "estimate", "error");
    unsigned moves = 0;
    unsigned near = 0;
    double sum = 0;
    std::string line;
    for (unsigned number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        std::istringstream words(line);
        std::uint64_t memory = 0;
        Load load;
        BytesPerSecond bandwidth;
        std::int64_t fixed = 0;
        double measured = 0;
        if (!(words >> memory >> load.to_send.count >> load.dirty_rate.count >> bandwidth.count >>
              fixed >> measured)) {
            fmt::print(stderr, "bench_fleet: {}:{}: six numbers are expected\n", path, number);
            return 1;
        }
        load.fixed = milliseconds(fixed);
        const auto time = move_time(load, bandwidth);
        const double error = static_cast<double>(time.total().count()) / measured - 1;
        fmt::print("{:>10} {:>10} {:>10} {:>8}ms {:>7.0f}ms {:>7}ms {:>+6.0f}%{}\n",
                   format_bytes(load.to_send), format_bytes({load.dirty_rate.count}),
                   format_bytes({bandwidth.count}), fixed, measured, time.total().count(),
                   100 * error, time.throttled ? " throttled" : "");
        ++moves;
        near += std::abs(error) <= 0.25 ? 1 : 0;
        sum += std::abs(error);
    }
    fmt::print("{} of {} within 25 %; {:.0f} % off in the mean\n", near, moves,
               moves > 0 ? 100 * sum / moves : 0);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string(argv[1]) == "moves") {
        return compare(argv[2]);
    }
    return scale_all();
}
