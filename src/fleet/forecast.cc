// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "fleet/schedule.h"
#include "fleet/simulation.h"

namespace vmigrate::fleet {
namespace {

bool moved(const Standing& standing) {
    return standing.state == Standing::State::moved;
}

/// What is still to be done, without a thought to order or places.
Bound bound_now(const Evacuation& evacuation) {
    const auto& placement = evacuation.placement();
    const auto& rules = evacuation.rules();
    std::vector<Transfer> transfers;
    for (const auto& standing : evacuation.standings()) {
        const auto guest = placement.find_guest(standing.uuid);
        if (standing.state != Standing::State::waiting || !guest) {
            continue;
        }
        transfers.push_back({placement.at(*guest), {}, placement.guest(*guest).load});
        const auto home = rules.homes.find(standing.uuid);
        for (HostId id = 0; home != rules.homes.end() && id < placement.hosts(); ++id) {
            if (placement.host(id).name == home->second) {
                transfers.back().to = id;
            }
        }
    }
    std::vector<Host> hosts;
    for (HostId id = 0; id < placement.hosts(); ++id) {
        hosts.push_back(placement.host(id));
        if (placement.emptied(id) || !hosts.back().closed.empty()) {
            hosts.back().most_in = 0;
        }
    }
    return bound_of(transfers, hosts, rules.bandwidth, rules.most_parallel);
}

/// Why one that moves, or would, misses the deadline.
std::string why_late(const Evacuation& evacuation, const GuestForecast& guest,
                     std::size_t others_before, milliseconds left) {
    const auto& placement = evacuation.placement();
    const auto id = placement.find_guest(guest.standing.uuid);
    if (id) {
        const auto& load = placement.guest(*id).load;
        auto link = placement.host(placement.at(*id)).link;
        const auto budget = evacuation.rules().bandwidth;
        if (budget.count > 0 && (link.count == 0 || budget < link)) {
            link = budget;
        }
        const auto alone = move_time(load, link, true).total();
        if (alone > left) {
            return fmt::format("it has {} to send, which takes {} by itself",
                               format_bytes(load.once()), format_time(alone));
        }
    }
    return others_before == 1 ? "its turn comes after another one"
                              : fmt::format("its turn comes after {} others", others_before);
}

}  // namespace

EvacuationForecast forecast(const Evacuation& evacuation, TimePoint now) {
    const auto played = play(evacuation, now);
    std::unordered_map<std::string, const PlayedMove*> moves;
    for (const auto& move : played.moves) {
        moves[move.uuid] = &move;
    }
    std::unordered_map<std::string, const Standing*> ends;
    for (const auto& standing : played.standings) {
        ends[standing.uuid] = &standing;
    }
    EvacuationForecast result;
    result.total = played.total;
    result.bound = bound_now(evacuation).total();
    const auto& deadline = evacuation.rules().deadline;
    const auto left =
        deadline ? std::chrono::duration_cast<milliseconds>(evacuation.begun() + *deadline - now)
                 : milliseconds(0);
    for (const auto& standing : evacuation.standings()) {
        if (standing.ended()) {
            continue;
        }
        auto& guest = result.guests.emplace_back();
        guest.standing = *ends.at(standing.uuid);
        if (const auto move = moves.find(standing.uuid); move != moves.end()) {
            guest.begins = move->second->begins;
            guest.ends = move->second->ends;
            guest.hurried = move->second->hurried;
        }
        guest.in_time = moved(guest.standing) && (!deadline || *guest.ends <= left);
        guest.reason = guest.standing.reason;
    }
    std::ranges::stable_sort(result.guests, [](const auto& a, const auto& b) {
        return a.ends.value_or(milliseconds::max()) < b.ends.value_or(milliseconds::max());
    });
    std::size_t in_time = 0;
    for (std::size_t i = 0; i < result.guests.size(); ++i) {
        auto& guest = result.guests[i];
        in_time += guest.in_time ? 1 : 0;
        if (deadline && !guest.in_time &&
            (moved(guest.standing) || guest.standing.state == Standing::State::late)) {
            guest.reason = why_late(evacuation, guest, std::min(i, played.moves.size()), left);
        }
    }
    result.summary =
        deadline ? fmt::format("{} of {} guests will make it within {}", in_time,
                               result.guests.size(), format_time(std::max(left, milliseconds(0))))
                 : fmt::format("{} of {} guests will have moved after {}", in_time,
                               result.guests.size(), format_time(result.total));
    return result;
}

}  // namespace vmigrate::fleet
