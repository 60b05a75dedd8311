// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/placement.h"

#include <algorithm>

#include "fleet/move_time.h"

namespace vmigrate::fleet {

Placement::Placement(const Fleet& fleet, const std::set<std::string>& emptied,
                     unsigned headroom_percent)
    : headroom_percent_(headroom_percent), emptied_(emptied) {
    for (const auto& [name, group] : fleet.groups) {
        team_ids_.emplace(name, teams_.size());
        teams_.push_back({name, group.rule, {}, {}});
    }
    for (const auto& host : fleet.hosts) {
        set_host(host);
    }
    for (const auto& guest : fleet.guests) {
        set_guest(guest);
    }
}

Placement::Bits Placement::interned(const std::set<Need>& words) {
    Bits bits;
    for (const auto& word : words) {
        const auto [found, is_new] = need_ids_.try_emplace(word, needs_.size());
        if (is_new) {
            needs_.push_back(word);
        }
        bits.resize(std::max(bits.size(), found->second / 64 + 1));
        bits[found->second / 64] |= std::uint64_t{1} << found->second % 64;
    }
    return bits;
}

HostId Placement::set_host(const Host& host) {
    const auto [found, is_new] = host_ids_.try_emplace(host.name, places_.size());
    if (is_new) {
        places_.emplace_back();
    }
    auto& place = places_[found->second];
    place.host = host;
    place.host.most_out = std::max(1U, host.most_out);
    place.offers = interned(host.offers);
    place.emptied = emptied_.contains(host.name);
    place.distrusted.clear();
    offering_.clear();
    ++chances_;
    return found->second;
}

HostId Placement::host_named(const std::string& name) {
    const auto found = host_ids_.find(name);
    if (found != host_ids_.end()) {
        return found->second;
    }
    Host host;
    host.name = name;
    host.closed = "not known";
    return set_host(host);
}

std::optional<GuestId> Placement::find_guest(std::string_view uuid) const {
    const auto found = guest_ids_.find(std::string(uuid));
    return found == guest_ids_.end() ? std::nullopt : std::optional(found->second);
}

/// What a guest means for its groups: where others may not be, or have to be.
void Placement::count(GuestId id, bool add) {
    const auto& person = persons_[id];
    if (!person.present) {
        return;
    }
    const auto at = [&](Team& team, HostId host) {
        if (add) {
            ++team.presence[host];
        } else if (--team.presence[host] == 0) {
            team.presence.erase(host);
        }
    };
    for (const auto which : person.groups) {
        auto& team = teams_[which];
        const bool apart = team.rule == Group::Rule::apart;
        if (apart || !person.mover) {
            at(team, person.at);
        }
        if (person.to && (apart || person.flying)) {
            at(team, *person.to);
        }
    }
}

template <class Change>
void Placement::change(GuestId id, Change what) {
    count(id, false);
    what(persons_[id]);
    count(id, true);
}

GuestId Placement::set_guest(const Guest& guest) {
    const auto [found, is_new] = guest_ids_.try_emplace(guest.uuid, persons_.size());
    const auto id = found->second;
    if (is_new) {
        persons_.emplace_back();
    } else {
        release(id);
    }
    const auto host = host_named(guest.host);
    change(id, [&](Person& person) {
        person.guest = guest;
        person.needs = interned(guest.needs);
        person.at = host;
        person.present = true;
        person.groups.clear();
        for (const auto& name : guest.groups) {
            if (const auto team = team_ids_.find(name); team != team_ids_.end()) {
                person.groups.push_back(team->second);
                auto& members = teams_[team->second].members;
                if (std::ranges::find(members, id) == members.end()) {
                    members.push_back(id);
                }
            }
        }
    });
    ++chances_;
    return id;
}

void Placement::leave(GuestId id, std::optional<HostId> home) {
    change(id, [&](Person& person) {
        person.mover = true;
        person.home = home;
    });
}

void Placement::stay(GuestId id) {
    if (!persons_[id].mover && !persons_[id].to) {
        return;
    }
    release(id);
    change(id, [](Person& person) { person.mover = false; });
    ++chances_;
}

void Placement::freeze(GuestId id) {
    change(id, [](Person& person) { person.mover = person.flying = false; });
}

void Placement::gone(GuestId id) {
    release(id);
    change(id, [](Person& person) { person.mover = person.present = false; });
    ++chances_;
}

void Placement::avoid(GuestId id, HostId host) {
    persons_[id].avoided.insert(host);
}

void Placement::distrust(HostId id, const std::string& why) {
    places_[id].distrusted = why;
}

Bytes Placement::room(const Place& place) const {
    return place.host.memory_free - place.promised -
           place.host.memory_total * (headroom_percent_ / 100.0);
}

/// How long the link into a host is taken by a guest, the set-up of several overlapping.
double Placement::inbound_time(const Person& person, const Place& place) const {
    const auto& load = person.guest.load;
    const auto link = place.host.link.count > 0 ? place.host.link : kAssumedBandwidth;
    const double set_up =
        static_cast<double>(load.fixed.count()) / 1000 / std::max(1U, place.host.most_in);
    return set_up + static_cast<double>(load.once().count) / static_cast<double>(link.count);
}

void Placement::promise(GuestId id, HostId host) {
    change(id, [&](Person& person) { person.to = host; });
    auto& place = places_[host];
    const auto& person = persons_[id];
    place.promised += person.guest.memory;
    place.promised_cpus += person.guest.busy_cpus;
    place.inbound += inbound_time(person, place);
}

void Placement::depart(GuestId id) {
    change(id, [](Person& person) { person.flying = true; });
}

void Placement::release(GuestId id) {
    const auto host = persons_[id].to;
    if (!host) {
        return;
    }
    auto& place = places_[*host];
    const auto& person = persons_[id];
    place.promised = place.promised - person.guest.memory;
    place.promised_cpus = std::max(0.0, place.promised_cpus - person.guest.busy_cpus);
    place.inbound = std::max(0.0, place.inbound - inbound_time(person, place));
    change(id, [](Person& changed) {
        changed.to.reset();
        changed.flying = false;
    });
    ++chances_;
}

void Placement::arrived(GuestId id) {
    const auto to = persons_[id].to;
    if (!to) {
        return;
    }
    const auto before = chances_;
    release(id);
    const auto& guest = persons_[id].guest;
    auto& source = places_[persons_[id].at];
    auto& destination = places_[*to];
    source.host.memory_free += guest.memory;
    source.host.busy_cpus = std::max(0.0, source.host.busy_cpus - guest.busy_cpus);
    destination.host.memory_free = destination.host.memory_free - guest.memory;
    destination.host.busy_cpus += guest.busy_cpus;
    change(id, [&](Person& person) {
        person.at = *to;
        person.mover = false;
    });
    chances_ = before + (source.emptied ? 0 : 1);
}

std::vector<GuestId> Placement::companions(GuestId id) const {
    std::vector<GuestId> found{id};
    for (std::size_t next = 0; next < found.size(); ++next) {
        for (const auto which : persons_[found[next]].groups) {
            if (teams_[which].rule != Group::Rule::together) {
                continue;
            }
            for (const auto other : teams_[which].members) {
                if (persons_[other].mover && persons_[other].home == persons_[id].home &&
                    std::ranges::find(found, other) == found.end()) {
                    found.push_back(other);
                }
            }
        }
    }
    return found;
}

}  // namespace vmigrate::fleet
