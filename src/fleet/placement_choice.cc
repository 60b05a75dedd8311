// SPDX-License-Identifier: GPL-2.0-or-later
//
// Placement: the choice of hosts, and the words when there is none.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/text.h"
#include "fleet/move_time.h"
#include "fleet/placement.h"

namespace vmigrate::fleet {
namespace {

bool has_all(const std::vector<std::uint64_t>& offers, const std::vector<std::uint64_t>& needs) {
    for (std::size_t i = 0; i < needs.size(); ++i) {
        if ((needs[i] & ~(i < offers.size() ? offers[i] : 0)) != 0) {
            return false;
        }
    }
    return true;
}

std::size_t first_missing(const std::vector<std::uint64_t>& offers,
                          const std::vector<std::uint64_t>& needs) {
    std::size_t bit = 0;
    for (; bit < needs.size() * 64; ++bit) {
        const auto offered = bit / 64 < offers.size() ? offers[bit / 64] : 0;
        if (((needs[bit / 64] & ~offered) >> bit % 64 & 1U) != 0) {
            break;
        }
    }
    return bit;
}

template <class T>
void add_missing(std::vector<T>& all, const std::vector<T>& more) {
    for (const auto& one : more) {
        if (std::ranges::find(all, one) == all.end()) {
            all.push_back(one);
        }
    }
}

}  // namespace

const std::vector<HostId>& Placement::offering(const Bits& needs) const {
    const auto [found, is_new] = offering_.try_emplace(needs);
    if (is_new) {
        for (HostId id = 0; id < places_.size(); ++id) {
            if (has_all(places_[id].offers, needs)) {
                found->second.push_back(id);
            }
        }
    }
    return found->second;
}

std::vector<Placement::Party> Placement::parties(const std::vector<GuestId>& movers) const {
    const std::set<GuestId> wanted(movers.begin(), movers.end());
    std::set<GuestId> taken;
    std::vector<Party> parties;
    for (const auto mover : movers) {
        if (taken.contains(mover)) {
            continue;
        }
        auto& party = parties.emplace_back();
        for (const auto id : companions(mover)) {
            if (!wanted.contains(id) || !taken.insert(id).second) {
                continue;
            }
            const auto& person = persons_[id];
            party.members.push_back(id);
            party.needs.resize(std::max(party.needs.size(), person.needs.size()));
            for (std::size_t i = 0; i < person.needs.size(); ++i) {
                party.needs[i] |= person.needs[i];
            }
            add_missing(party.groups, person.groups);
            party.memory += person.guest.memory;
            party.cpus += person.guest.busy_cpus;
        }
    }
    return parties;
}

Placement::Refusal Placement::refusal(const Party& party, HostId id) const {
    using Kind = Refusal::Kind;
    const auto& place = places_[id];
    if (place.emptied) {
        return {Kind::emptied};
    }
    const auto any = [&](auto predicate) {
        return std::ranges::any_of(party.members,
                                   [&](GuestId member) { return predicate(persons_[member]); });
    };
    if (any([&](const Person& person) { return person.at == id; })) {
        return {Kind::here};
    }
    if (!place.host.closed.empty() || !place.distrusted.empty() || place.host.most_in == 0) {
        return {Kind::closed};
    }
    if (any([&](const Person& person) { return person.avoided.contains(id); })) {
        return {Kind::avoided};
    }
    if (!has_all(place.offers, party.needs)) {
        return {Kind::need, first_missing(place.offers, party.needs)};
    }
    for (const auto which : party.groups) {
        const auto& team = teams_[which];
        const bool there = team.presence.contains(id);
        if (team.rule == Group::Rule::together) {
            if (!there && !team.presence.empty()) {
                return {Kind::together, which};
            }
            continue;
        }
        const auto belongs = [&](GuestId member) {
            return std::ranges::find(persons_[member].groups, which) !=
                   persons_[member].groups.end();
        };
        if (there || std::ranges::count_if(party.members, belongs) > 1) {
            return {Kind::apart, which};
        }
    }
    if (party.memory > room(place)) {
        return {Kind::memory};
    }
    return {};
}

/// When all is well distributed: the link that is busy longest, out of a host or into all of them.
double Placement::time_of_slowest() const {
    std::vector<double> sending(places_.size());
    std::vector<double> setting_up(places_.size());
    double inbound = 0;
    for (const auto& person : persons_) {
        if (person.mover && person.present) {
            const auto& load = person.guest.load;
            const auto link = places_[person.at].host.link;
            const double send =
                static_cast<double>(load.once().count) /
                static_cast<double>(link.count > 0 ? link.count : kAssumedBandwidth.count);
            sending[person.at] += send;
            setting_up[person.at] += send + static_cast<double>(load.fixed.count()) / 1000;
            inbound += static_cast<double>(load.once().count);
        }
    }
    double links = 0;
    double slowest = 0;
    for (HostId id = 0; id < places_.size(); ++id) {
        const auto& host = places_[id].host;
        slowest = std::max({slowest, sending[id], setting_up[id] / host.most_out});
        if (host.closed.empty() && !places_[id].emptied && host.most_in > 0) {
            links += static_cast<double>(host.link.count > 0 ? host.link.count
                                                             : kAssumedBandwidth.count);
        }
    }
    return links > 0 ? std::max(slowest, inbound / links) : slowest;
}

std::optional<HostId> Placement::choose(const Party& party, Style style, double target) const {
    using Score = std::tuple<bool, double, double>;  // the lowest is the best
    std::optional<HostId> best;
    Score best_score;
    const auto consider = [&](HostId id) {
        if (refusal(party, id).kind != Refusal::Kind::none) {
            return;
        }
        const auto& place = places_[id];
        const auto& host = place.host;
        const bool busy =
            host.cpus > 0 && host.busy_cpus + place.promised_cpus + party.cpus > host.cpus;
        const double left = static_cast<double>((room(place) - party.memory).count);
        double inbound = place.inbound;
        for (const auto member : party.members) {
            inbound += inbound_time(persons_[member], place);
        }
        const double all = std::max(1.0, static_cast<double>(host.memory_total.count));
        const Score score = style == Style::tight
                                ? Score{busy, left, inbound}
                                : Score{busy, std::max(0.0, inbound - target), -left / all};
        if (!best || score < best_score) {
            best = id;
            best_score = score;
        }
    };
    if (const auto home = persons_[party.members.front()].home) {
        consider(*home);
    } else {
        std::ranges::for_each(offering(party.needs), consider);
    }
    return best;
}

std::vector<const Placement::Party*> Placement::place(const std::vector<Party>& parties,
                                                      Style style, double target) {
    std::vector<const Party*> homeless;
    for (const auto& party : parties) {
        if (const auto host = choose(party, style, target)) {
            for (const auto member : party.members) {
                promise(member, *host);
            }
        } else {
            homeless.push_back(&party);
        }
    }
    return homeless;
}

std::vector<GuestId> Placement::place(const std::vector<GuestId>& movers) {
    auto all = parties(movers);
    const auto hardness = [this](const Party& party) {
        return static_cast<double>(party.memory.count) /
               (1 + static_cast<double>(offering(party.needs).size()));
    };
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < all.size(); ++i) {
        order.emplace_back(-hardness(all[i]), i);
    }
    std::ranges::sort(order);
    std::vector<Party> sorted;
    for (const auto& [hard, i] : order) {
        sorted.push_back(std::move(all[i]));
    }
    const double target = time_of_slowest();
    const auto again = [&](Style style) {
        std::ranges::for_each(movers, [this](GuestId id) { release(id); });
        return place(sorted, style, target);
    };
    auto homeless = place(sorted, Style::level, target);
    const bool memory_matters = std::ranges::any_of(homeless, [this](const Party* party) {
        return std::ranges::any_of(offering(party->needs), [&](HostId id) {
            return refusal(*party, id).kind == Refusal::Kind::memory;
        });
    });
    if (memory_matters && homeless.size() < sorted.size()) {
        const auto with_level = homeless.size();
        homeless = again(Style::tight);
        if (homeless.size() >= with_level) {
            homeless = again(Style::level);
        }
    }
    std::vector<GuestId> result;
    for (const auto* party : homeless) {
        result.insert(result.end(), party->members.begin(), party->members.end());
    }
    return result;
}

Placement::Party Placement::alone(GuestId id) const {
    const auto& person = persons_[id];
    return {{id}, person.needs, person.groups, person.guest.memory, person.guest.busy_cpus};
}

bool Placement::fits(GuestId id, HostId host) const {
    return refusal(alone(id), host).kind == Refusal::Kind::none;
}

bool Placement::still_fits(GuestId id) {
    const auto host = persons_[id].to;
    if (!host) {
        return false;
    }
    const auto chances = chances_;
    release(id);
    const bool still = fits(id, *host);
    promise(id, *host);
    chances_ = chances;
    return still;
}

std::string Placement::text(const Party& party, const Refusal& refusal, HostId id,
                            bool many) const {
    using Kind = Refusal::Kind;
    const auto& place = places_[id];
    const auto* have = many ? "have" : "has";
    switch (refusal.kind) {
        case Kind::closed: {
            const auto& why = !place.host.closed.empty() ? place.host.closed
                              : place.distrusted.empty() ? "takes no moves"
                                                         : place.distrusted;
            return fmt::format("{} closed ({})", many ? "are" : "is", why);
        }
        case Kind::avoided:
            return fmt::format("{} refused it", have);
        case Kind::need:
            return fmt::format("{} no {}", have, needs_[refusal.which]);
        case Kind::apart:
            return fmt::format("{} another guest of group {}", have,
                               quoted(teams_[refusal.which].name));
        case Kind::together:
            return fmt::format("{} not where group {} is", many ? "are" : "is",
                               quoted(teams_[refusal.which].name));
        default:
            return fmt::format("{} less than {} to spare", have, format_bytes(party.memory));
    }
}

std::string Placement::why_no_place(GuestId id) const {
    struct Sum {
        unsigned hosts = 0;
        HostId example = 0;
    };
    std::vector<GuestId> movers;
    std::ranges::copy_if(companions(id), std::back_inserter(movers),
                         [this](GuestId other) { return !persons_[other].to; });
    const auto party = parties(movers).front();
    std::map<std::pair<Refusal, std::string>, Sum> sums;
    for (HostId host = 0; host < places_.size(); ++host) {
        const auto& home = persons_[id].home;
        const auto why = refusal(party, host);
        if ((home && *home != host) || why.kind == Refusal::Kind::none ||
            why.kind == Refusal::Kind::here || why.kind == Refusal::Kind::emptied) {
            continue;
        }
        auto& sum = sums[{why, text(party, why, host, true)}];
        ++sum.hosts;
        sum.example = host;
    }
    std::vector<std::pair<Refusal, Sum>> sorted;
    for (const auto& [key, sum] : sums) {
        sorted.emplace_back(key.first, sum);
    }
    std::ranges::stable_sort(
        sorted, [](const auto& a, const auto& b) { return a.second.hosts > b.second.hosts; });
    std::string words;
    for (const auto& [why, sum] : sorted) {
        words += words.empty() ? "" : ", ";
        words += sum.hosts == 1 ? places_[sum.example].host.name
                                : fmt::format("{}{}", sum.hosts, words.empty() ? " hosts" : "");
        words += " " + text(party, why, sum.example, sum.hosts > 1);
    }
    if (words.empty()) {
        words = "there is no other host";
    }
    return party.members.size() > 1
               ? fmt::format("{} (for all {} of its group)", words, party.members.size())
               : words;
}

}  // namespace vmigrate::fleet
