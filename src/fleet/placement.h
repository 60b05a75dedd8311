// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where guests go, and what is on its way where. It keeps the books of all hosts: memory that is
// free or promised, who is in which group where, and how busy the links into a host will be. Pure;
// a value; one thread.
//
// How a place is chosen: guests that take much memory and have little choice come first. Of the
// hosts that may take one, those count whose link will not be the last to finish; of these the one
// that then has the most of its memory left (in parts of all of it). If so not all find a place,
// the tightest fit is tried, which keeps large rooms whole, and the better of the two stays.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fleet/model.h"

namespace vmigrate::fleet {

using HostId = std::size_t;
using GuestId = std::size_t;

class Placement {
  public:
    /// `emptied`: hosts that take nobody. Nobody is a mover yet.
    Placement(const Fleet& fleet, const std::set<std::string>& emptied, unsigned headroom_percent);

    // ---- what there is; numbers stay
    HostId set_host(const Host& host);
    GuestId set_guest(const Guest& guest);
    std::optional<GuestId> find_guest(std::string_view uuid) const;
    HostId host_named(const std::string& name);  ///< one that takes nobody, if it is not known
    std::size_t hosts() const { return places_.size(); }
    const Host& host(HostId id) const { return places_[id].host; }
    const Guest& guest(GuestId id) const { return persons_[id].guest; }
    bool emptied(HostId id) const { return places_[id].emptied; }
    HostId at(GuestId id) const { return persons_[id].at; }
    std::optional<HostId> to(GuestId id) const { return persons_[id].to; }

    // ---- what is wanted
    /// It has to go: to `home`, or anywhere. It does not hold its group where it is any more.
    void leave(GuestId id, std::optional<HostId> home = {});
    void stay(GuestId id);                ///< not any more; a place that it had is free again
    void avoid(GuestId id, HostId host);  ///< not to this host any more
    void distrust(HostId id, const std::string& why);  ///< closed, until it is set again

    // ---- who goes where
    /// Finds places for movers that have none, and promises them; who must go together is to be
    /// among them together. Those that got none are returned.
    std::vector<GuestId> place(const std::vector<GuestId>& movers);
    /// "12 hosts have less than 4.0 GiB to spare, 3 have no bridge br5"; of a mover without a
    /// place.
    std::string why_no_place(GuestId id) const;
    /// Could this mover, for whom nothing is promised, go there by itself?
    bool fits(GuestId id, HostId host) const;
    /// Still possible where it was promised?
    bool still_fits(GuestId id);
    void release(GuestId id);
    /// `id`, and the movers that must go with it.
    std::vector<GuestId> companions(GuestId id) const;
    void promise(GuestId id, HostId host);
    void depart(GuestId id);  ///< to where it was promised a place: its groups follow it
    void arrived(GuestId id);
    void freeze(GuestId id);  ///< nobody knows where it is: it counts at both ends, for ever
    void gone(GuestId id);    ///< it counts nowhere
    /// Grows whenever there may be a place that was not there before.
    std::uint64_t chances() const { return chances_; }

  private:
    using Bits = std::vector<std::uint64_t>;
    struct Place {
        Host host;
        Bits offers;
        bool emptied = false;
        std::string distrusted;
        Bytes promised;
        double promised_cpus = 0;
        double inbound = 0;  ///< seconds that the link needs for what was promised
    };
    struct Person {
        Guest guest;
        Bits needs;
        std::vector<std::size_t> groups;
        HostId at = 0;
        std::optional<HostId> to;
        std::optional<HostId> home;
        bool mover = false;
        bool flying = false;  ///< departed
        bool present = true;  ///< false: gone
        std::set<HostId> avoided;
    };
    struct Team {
        std::string name;
        Group::Rule rule;
        std::vector<GuestId> members;
        std::map<HostId, unsigned> presence;
    };
    /// Movers that must go to the same host.
    struct Party {
        std::vector<GuestId> members;
        Bits needs;
        std::vector<std::size_t> groups;
        Bytes memory;
        double cpus = 0;
    };
    enum class Style { level, tight };
    struct Refusal {
        enum class Kind { none, here, emptied, closed, avoided, need, apart, together, memory };
        Kind kind = Kind::none;
        std::size_t which = 0;  ///< need or group
        auto operator<=>(const Refusal&) const = default;
    };

    Bits interned(const std::set<Need>& words);
    const std::vector<HostId>& offering(const Bits& needs) const;
    void count(GuestId id, bool add);
    template <class Change>
    void change(GuestId id, Change what);
    Bytes room(const Place& place) const;
    double inbound_time(const Person& person, const Place& place) const;
    double time_of_slowest() const;
    std::vector<Party> parties(const std::vector<GuestId>& movers) const;
    Party alone(GuestId id) const;
    Refusal refusal(const Party& party, HostId id) const;
    std::optional<HostId> choose(const Party& party, Style style, double target) const;
    std::vector<const Party*> place(const std::vector<Party>& parties, Style style, double target);
    std::string text(const Party& party, const Refusal& refusal, HostId id, bool many) const;

    unsigned headroom_percent_;
    std::set<std::string> emptied_;
    std::vector<Place> places_;
    std::vector<Person> persons_;
    std::vector<Team> teams_;
    std::unordered_map<std::string, HostId> host_ids_;
    std::unordered_map<std::string, GuestId> guest_ids_;
    std::unordered_map<std::string, std::size_t> team_ids_;
    std::unordered_map<std::string, std::size_t> need_ids_;
    std::vector<std::string> needs_;
    mutable std::map<Bits, std::vector<HostId>> offering_;  ///< found so far
    std::uint64_t chances_ = 0;
};

}  // namespace vmigrate::fleet
