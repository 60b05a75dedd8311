// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/rebalance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "fleet/move_time.h"
#include "fleet/placement.h"

namespace vmigrate::fleet {
namespace {

/// Guests are looked for on so many hosts, those furthest from the mean.
constexpr std::size_t kSources = 4;

struct HostLoad {
    double memory = 0;  ///< shares of what it has
    double cpu = 0;
};

double square(double x) {
    return x * x;
}

class Balance {
  public:
    Balance(const Fleet& fleet, const RebalanceRules& rules)
        : rules_(rules), placement_(fleet, {}, rules.headroom_percent), on_(placement_.hosts()) {
        for (const auto& guest : fleet.guests) {
            const auto id = *placement_.find_guest(guest.uuid);
            const bool bound = std::ranges::any_of(guest.groups, [&](const std::string& name) {
                const auto group = fleet.groups.find(name);
                return group != fleet.groups.end() && group->second.rule == Group::Rule::together;
            });
            if (guest.unmovable.empty() && !bound) {
                on_.resize(placement_.hosts());
                on_[placement_.at(id)].push_back(id);
            }
        }
        on_.resize(placement_.hosts());
        for (HostId id = 0; id < placement_.hosts(); ++id) {
            const auto& host = placement_.host(id);
            if (host.closed.empty() && host.memory_total.count > 0) {
                open_.push_back(id);
                const auto load = load_of(id, 0, 0);
                mean_.memory += load.memory;
                mean_.cpu += load.cpu;
            }
        }
        const double count = std::max<double>(1, static_cast<double>(open_.size()));
        mean_ = {mean_.memory / count, mean_.cpu / count};
    }

    Rebalance go() {
        Rebalance result;
        double spread = total();
        const double least_gain = spread * rules_.least_gain_percent / 100;
        result.imbalance_before = percent(spread);
        while (result.moves.size() < rules_.most_moves &&
               percent(spread) > rules_.tolerance_percent / 2.0) {
            const auto best = best_move();
            if (!best || best->gain < least_gain) {
                break;
            }
            result.moves.push_back(make(*best));
            spread -= best->gain;
        }
        result.imbalance_after = percent(total());
        return result;
    }

  private:
    struct Candidate {
        GuestId guest = 0;
        HostId to = 0;
        double gain = 0;
    };

    /// With some memory (bytes) and processors more.
    HostLoad load_of(HostId id, double memory, double cpus) const {
        const auto& host = placement_.host(id);
        const double used =
            static_cast<double>((host.memory_total - host.memory_free).count) + memory;
        return {used / static_cast<double>(host.memory_total.count),
                host.cpus > 0 ? (host.busy_cpus + cpus) / host.cpus : mean_.cpu};
    }
    double badness(HostId id, double memory = 0, double cpus = 0) const {
        const auto load = load_of(id, memory, cpus);
        return square(load.memory - mean_.memory) + square(load.cpu - mean_.cpu);
    }
    double total() const {
        double sum = 0;
        for (const auto id : open_) {
            sum += badness(id);
        }
        return sum;
    }
    double percent(double spread) const {
        return open_.empty()
                   ? 0
                   : 100 * std::sqrt(std::max(0.0, spread) / static_cast<double>(open_.size()));
    }

    std::vector<HostId> worst_hosts() const {
        auto hosts = open_;
        const auto count = std::min(kSources, hosts.size());
        std::partial_sort(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(count),
                          hosts.end(),
                          [this](HostId a, HostId b) { return heaviness(a) > heaviness(b); });
        hosts.resize(count);
        return hosts;
    }
    double heaviness(HostId id) const {
        const auto load = load_of(id, 0, 0);
        return std::max(load.memory - mean_.memory, load.cpu - mean_.cpu);
    }

    std::optional<Candidate> best_move() {
        std::optional<Candidate> best;
        for (const auto from : worst_hosts()) {
            for (const auto id : on_[from]) {
                const auto& guest = placement_.guest(id);
                const double memory = static_cast<double>(guest.memory.count);
                const double relief = badness(from) - badness(from, -memory, -guest.busy_cpus);
                for (const auto to : open_) {
                    const double gain = relief + badness(to) - badness(to, memory, guest.busy_cpus);
                    if (to != from && gain > (best ? best->gain : 0) && allowed(id, to)) {
                        best = Candidate{id, to, gain};
                    }
                }
            }
        }
        return best;
    }

    bool allowed(GuestId id, HostId to) {
        placement_.leave(id);
        const bool fits = placement_.fits(id, to);
        placement_.stay(id);
        return fits;
    }

    Proposal make(const Candidate& move) {
        const auto from = placement_.at(move.guest);
        const auto& guest = placement_.guest(move.guest);
        const auto before = std::array{load_of(from, 0, 0), load_of(move.to, 0, 0)};
        auto link = placement_.host(from).link;
        if (const auto other = placement_.host(move.to).link;
            link.count == 0 || (other.count > 0 && other < link)) {
            link = other;
        }
        placement_.leave(move.guest);
        placement_.promise(move.guest, move.to);
        placement_.arrived(move.guest);
        std::erase(on_[from], move.guest);
        on_[move.to].push_back(move.guest);
        const auto words = [&](HostId id, const HostLoad& was) {
            const auto is = load_of(id, 0, 0);
            return fmt::format("{}: memory {:.0f} % to {:.0f} %, CPU {:.0f} % to {:.0f} %",
                               placement_.host(id).name, 100 * was.memory, 100 * is.memory,
                               100 * was.cpu, 100 * is.cpu);
        };
        return {guest.uuid,
                guest.name,
                placement_.host(from).name,
                placement_.host(move.to).name,
                move_time(guest.load, link).total(),
                words(from, before[0]) + "; " + words(move.to, before[1])};
    }

    RebalanceRules rules_;
    Placement placement_;
    std::vector<std::vector<GuestId>> on_;  ///< who could move, by host
    std::vector<HostId> open_;
    HostLoad mean_;
};

}  // namespace

Rebalance rebalance(const Fleet& fleet, const RebalanceRules& rules) {
    return Balance(fleet, rules).go();
}

}  // namespace vmigrate::fleet
