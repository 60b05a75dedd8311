// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet rapidcheck
// LABELS: property
//
// Random fleets and random happenings: a model of its own keeps the books of what an evacuation
// asks for, and what must hold whatever comes is checked at each step.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/overloaded.h"
#include "fleet/evacuation.h"

namespace vmigrate::fleet::test {

enum class What {
    moved,
    with_problems,
    passing,
    destination,
    guest_reason,
    unknown,
    host_changes,
    host_closes,
    arrives,
    seen_again,
    leaves,
    progress,
    wait,
    cancel
};

struct Step {
    What what = What::wait;
    unsigned which = 0;  ///< of those that it can happen to
    unsigned size = 0;   ///< of memory, or of time
};

struct HostPlan {
    unsigned free = 0;
    unsigned offers = 0;  ///< bits
    unsigned most_out = 1;
    unsigned most_in = 2;
    bool closed = false;
};

struct GuestPlan {
    unsigned host = 0;
    unsigned memory = 1;
    unsigned needs = 0;
    unsigned groups = 0;
    unsigned home = 0;  ///< 0 = none
    bool unmovable = false;
};

struct Scenario {
    std::vector<HostPlan> hosts;
    std::vector<GuestPlan> guests;
    std::vector<Step> steps;
    unsigned emptied = 1;
    unsigned most_parallel = 2;
    unsigned bandwidth = 0;
    unsigned deadline = 0;  ///< seconds; 0 = none
    unsigned most_attempts = 3;
    Order order = Order::small_first;
    bool homes = false;
};

void showValue(const Step& step, std::ostream& out) {
    out << "step " << static_cast<int>(step.what) << ' ' << step.which << ' ' << step.size;
}
void showValue(const HostPlan& host, std::ostream& out) {
    out << "host free " << host.free << " offers " << host.offers << " out " << host.most_out
        << " in " << host.most_in << (host.closed ? " closed" : "");
}
void showValue(const GuestPlan& guest, std::ostream& out) {
    out << "guest on " << guest.host << " memory " << guest.memory << " needs " << guest.needs
        << " groups " << guest.groups << " home " << guest.home
        << (guest.unmovable ? " unmovable" : "");
}
void showValue(const Scenario& scenario, std::ostream& out) {
    out << "emptied " << scenario.emptied << " parallel " << scenario.most_parallel << " bandwidth "
        << scenario.bandwidth << " deadline " << scenario.deadline << " attempts "
        << scenario.most_attempts << " homes " << scenario.homes;
    const auto all = [&](const auto& list) {
        for (const auto& one : list) {
            out << "\n  ";
            showValue(one, out);
        }
    };
    all(scenario.hosts);
    all(scenario.guests);
    all(scenario.steps);
}

namespace {

/// The same scenarios each time, unless somebody asks for others.
const int kSeeded = setenv("RC_PARAMS", "seed=6 max_success=1500", 0);

constexpr unsigned kGroups = 3;  // the first is for being together, the others for being apart
constexpr unsigned kHeadroom = 10;
constexpr milliseconds kPause{4'000};

rc::Gen<Scenario> any_scenario() {
    using rc::gen::element;
    using rc::gen::inRange;
    using rc::gen::set;
    const auto host = rc::gen::build<HostPlan>(
        set(&HostPlan::free, inRange(0U, 20U)),
        set(&HostPlan::offers, element(7U, 7U, 7U, 3U, 5U, 0U)),
        set(&HostPlan::most_out, inRange(1U, 4U)), set(&HostPlan::most_in, inRange(0U, 4U)),
        set(&HostPlan::closed, rc::gen::weightedElement<bool>({{6, false}, {1, true}})));
    const auto guest = rc::gen::build<GuestPlan>(
        set(&GuestPlan::host, inRange(0U, 6U)), set(&GuestPlan::memory, inRange(1U, 6U)),
        set(&GuestPlan::needs, element(0U, 0U, 1U, 2U, 4U, 6U)),
        set(&GuestPlan::groups, element(0U, 0U, 0U, 1U, 2U, 4U, 3U, 6U)),
        set(&GuestPlan::home, inRange(0U, 5U)),
        set(&GuestPlan::unmovable, rc::gen::weightedElement<bool>({{9, false}, {1, true}})));
    const auto step = rc::gen::build<Step>(
        set(&Step::what, rc::gen::weightedElement<What>({{8, What::moved},
                                                         {1, What::with_problems},
                                                         {3, What::passing},
                                                         {3, What::destination},
                                                         {1, What::guest_reason},
                                                         {1, What::unknown},
                                                         {2, What::host_changes},
                                                         {1, What::host_closes},
                                                         {2, What::arrives},
                                                         {1, What::seen_again},
                                                         {1, What::leaves},
                                                         {2, What::progress},
                                                         {3, What::wait},
                                                         {1, What::cancel}})),
        set(&Step::which, inRange(0U, 100U)), set(&Step::size, inRange(0U, 20U)));
    return rc::gen::build<Scenario>(
        set(&Scenario::hosts, rc::gen::nonEmpty(rc::gen::container<std::vector<HostPlan>>(host))),
        set(&Scenario::guests, rc::gen::container<std::vector<GuestPlan>>(guest)),
        set(&Scenario::steps, rc::gen::container<std::vector<Step>>(step)),
        set(&Scenario::emptied, inRange(0U, 3U)), set(&Scenario::most_parallel, inRange(1U, 6U)),
        set(&Scenario::bandwidth, element(0U, 0U, 1'000U, 1'000'000'000U)),
        set(&Scenario::deadline, element(0U, 0U, 5U, 60U, 600U)),
        set(&Scenario::most_attempts, inRange(1U, 5U)),
        set(&Scenario::order, element(Order::small_first, Order::idle_first, Order::priority)),
        set(&Scenario::homes, rc::gen::arbitrary<bool>()));
}

std::set<std::string> words(unsigned bits, const std::string& word) {
    std::set<std::string> result;
    for (unsigned bit = 0; bit < kGroups; ++bit) {
        if ((bits >> bit & 1U) != 0) {
            result.insert(fmt::format("{}{}", word, bit));
        }
    }
    return result;
}

std::string host_name(std::size_t number) {
    return fmt::format("h{}", number);
}

Host host_of(const HostPlan& plan, std::size_t number) {
    Host host;
    host.name = host_name(number);
    host.closed = plan.closed ? "was not named" : "";
    host.memory_total = gibibytes(20);
    host.memory_free = gibibytes(plan.free);
    host.offers = words(plan.offers, "need ");
    host.link = {100'000'000};
    host.most_out = plan.most_out;
    host.most_in = plan.most_in;
    return host;
}

Guest guest_of(const GuestPlan& plan, std::size_t number, std::size_t hosts) {
    Guest guest;
    guest.uuid = guest.name = fmt::format("g{}", number);
    guest.host = host_name(plan.host % hosts);
    guest.memory = gibibytes(plan.memory);
    guest.needs = words(plan.needs, "need ");
    guest.groups = words(plan.groups, "group ");
    guest.unmovable = plan.unmovable ? "a device" : "";
    guest.load = {guest.memory, {plan.memory * 10'000'000}, milliseconds(500)};
    return guest;
}

/// What is so, as far as the evacuation has been told, and what it may do.
class Model {
  public:
    explicit Model(const Scenario& scenario) : scenario_(scenario), evacuation_(rules_and_fleet()) {
        for (const auto& standing : evacuation_.standings()) {
            if (standing.ended()) {
                settled_.insert(standing.uuid);
            }
        }
    }

    void go() {
        tell(TimePassed{});
        for (const auto& step : scenario_.steps) {
            take(step);
        }
        finish();
        check_the_end();
    }

  private:
    struct Flight {
        std::string to;
        BytesPerSecond share;
        bool sending = true;
        bool arrived = false;
    };

    Evacuation rules_and_fleet() {
        rules_.most_parallel = scenario_.most_parallel;
        rules_.bandwidth = {scenario_.bandwidth};
        rules_.most_attempts = scenario_.most_attempts;
        rules_.first_pause = kPause;
        rules_.headroom_percent = kHeadroom;
        rules_.order = scenario_.order;
        if (scenario_.deadline > 0) {
            rules_.deadline = seconds(scenario_.deadline);
        }
        Fleet fleet;
        for (unsigned i = 0; i < kGroups; ++i) {
            fleet.groups[fmt::format("group {}", i)].rule =
                i == 0 ? Group::Rule::together : Group::Rule::apart;
        }
        groups_ = fleet.groups;
        const auto hosts = scenario_.hosts.size();
        for (std::size_t i = 0; i < hosts; ++i) {
            fleet.hosts.push_back(host_of(scenario_.hosts[i], i));
            hosts_[host_name(i)] = fleet.hosts.back();
            if (!scenario_.homes && i < scenario_.emptied) {
                rules_.hosts.insert(host_name(i));
            }
        }
        for (std::size_t i = 0; i < scenario_.guests.size(); ++i) {
            const auto& plan = scenario_.guests[i];
            fleet.guests.push_back(guest_of(plan, i, hosts));
            guests_[fleet.guests.back().uuid] = fleet.guests.back();
            if (scenario_.homes && plan.home > 0) {
                rules_.homes[fleet.guests.back().uuid] = host_name(plan.home % hosts);
            }
        }
        return {rules_, fleet, now_};
    }

    // ---- what it does

    void tell(const Happening& happening) {
        for (const auto& action : evacuation_.happened(happening, now_)) {
            std::visit(Overloaded{[&](const StartMove& start) { check_start(start); },
                                  [&](const ShareBandwidth& share) { check_share(share); },
                                  [&](const Hurry& hurry) {
                                      RC_ASSERT(flights_.contains(hurry.uuid));
                                      RC_ASSERT(rules_.deadline.has_value());
                                      RC_ASSERT(hurried_.insert(hurry.uuid).second);
                                  },
                                  [&](const Settled& settled) { check_settled(settled); }},
                       action);
        }
        resuming_.clear();
        check_budget();
        // nothing that could begin is forgotten: somebody is under way, or a time is known
        RC_ASSERT((evacuation_.over() || !flights_.empty() || evacuation_.wake_at().has_value()));
        const auto wake = evacuation_.wake_at();
        RC_ASSERT((!wake || *wake > now_));
    }

    void check_start(const StartMove& start) {
        RC_LOG(fmt::format("start {} to {}", start.uuid, start.to));
        const auto& guest = guests_.at(start.uuid);
        const auto& to = hosts_.at(start.to);
        RC_ASSERT(!flights_.contains(start.uuid));
        RC_ASSERT(!settled_.contains(start.uuid));
        RC_ASSERT(!gone_.contains(start.uuid));
        RC_ASSERT(guest.unmovable.empty());
        RC_ASSERT(!cancelled_);
        RC_ASSERT((!rules_.deadline || now_ < TimePoint{} + *rules_.deadline));
        RC_ASSERT(!refused_.contains({start.uuid, start.to}));
        const auto again = not_before_.find(start.uuid);
        RC_ASSERT((again == not_before_.end() || now_ >= again->second));
        RC_ASSERT(start.attempt == ++attempts_[start.uuid]);
        RC_ASSERT(start.attempt <= rules_.most_attempts);

        RC_ASSERT(to.closed.empty());
        RC_ASSERT(start.to != guest.host);
        RC_ASSERT(!rules_.hosts.contains(start.to));
        if (rules_.homes.contains(start.uuid)) {
            RC_ASSERT(rules_.homes.at(start.uuid) == start.to);
        }
        RC_ASSERT(std::ranges::includes(to.offers, guest.needs));
        check_memory(guest, to);
        check_limits(guest, to);
        check_groups(guest, start.to);
        flights_[start.uuid] = {start.to, start.bandwidth, true, false};
        hurried_.erase(start.uuid);
        if (start.hurried) {
            hurried_.insert(start.uuid);
        }
        check_budget();
    }

    void check_memory(const Guest& guest, const Host& to) const {
        Bytes needed = guest.memory + to.memory_total * (kHeadroom / 100.0);
        for (const auto& [uuid, flight] : flights_) {
            needed += flight.to == to.name ? guests_.at(uuid).memory : Bytes{};
        }
        for (const auto& [uuid, host] : lost_) {
            needed += host == to.name ? guests_.at(uuid).memory : Bytes{};
        }
        RC_ASSERT(needed <= to.memory_free);
    }

    void check_limits(const Guest& guest, const Host& to) const {
        unsigned all = 0;
        unsigned out = 0;
        unsigned in = 0;
        for (const auto& [uuid, flight] : flights_) {
            if (flight.arrived) {
                continue;
            }
            ++all;
            out += guests_.at(uuid).host == guest.host ? 1 : 0;
            in += flight.to == to.name ? 1 : 0;
        }
        RC_ASSERT(all < rules_.most_parallel);
        RC_ASSERT(out < hosts_.at(guest.host).most_out);
        RC_ASSERT(in < to.most_in);
    }

    /// Those that are to move and have not begun do not hold a group together.
    void check_groups(const Guest& guest, const std::string& to) const {
        for (const auto& name : guest.groups) {
            std::set<std::string> anchors;
            for (const auto& [uuid, other] : guests_) {
                if (uuid == guest.uuid || !other.groups.contains(name) || gone_.contains(uuid)) {
                    continue;
                }
                const auto flight = flights_.find(uuid);
                if (groups_.at(name).rule == Group::Rule::apart) {
                    RC_ASSERT(other.host != to);
                    RC_ASSERT((flight == flights_.end() || flight->second.to != to));
                    RC_ASSERT((!lost_.contains(uuid) || lost_.at(uuid) != to));
                } else if (flight != flights_.end()) {
                    anchors.insert(flight->second.to);
                } else if (const auto standing = evacuation_.standing(uuid);
                           !standing || standing->ended()) {
                    anchors.insert(other.host);
                }
            }
            RC_ASSERT((anchors.empty() || anchors.contains(to)));
        }
    }

    void check_share(const ShareBandwidth& share) {
        RC_ASSERT(rules_.bandwidth.count > 0);
        RC_ASSERT(share.bandwidth.count > 0);
        flights_.at(share.uuid).share = share.bandwidth;
        check_budget();
    }

    void check_budget() const {
        std::uint64_t sum = 0;
        for (const auto& [uuid, flight] : flights_) {
            sum += flight.sending && uuid != resuming_ ? flight.share.count : 0;
        }
        RC_ASSERT((rules_.bandwidth.count == 0 || sum <= rules_.bandwidth.count));
    }

    void check_settled(const Settled& settled) {
        RC_ASSERT(settled_.insert(settled.uuid).second);
        RC_ASSERT(!flights_.contains(settled.uuid));
    }

    // ---- what happens

    template <class Map>
    static const auto* nth(const Map& map, unsigned which) {
        return map.empty() ? nullptr : &*std::next(map.begin(), which % map.size());
    }

    void take(const Step& step) {
        now_ += milliseconds(step.size * 100);
        switch (step.what) {
            case What::moved:
                return end(step, Outcome::moved, Trouble::none);
            case What::with_problems:
                return end(step, Outcome::moved_with_problems, Trouble::none);
            case What::passing:
                return end(step, Outcome::failed_on_source, Trouble::passing);
            case What::destination:
                return end(step, Outcome::failed_on_source, Trouble::destination);
            case What::guest_reason:
                return end(step, Outcome::failed_on_source, Trouble::guest);
            case What::unknown:
                return end(step, Outcome::unknown, Trouble::none);
            case What::host_changes:
            case What::host_closes: {
                auto& host = hosts_.at(nth(hosts_, step.which)->first);
                host.memory_free = gibibytes(step.size);
                host.closed = step.what == What::host_closes ? "does not answer" : "";
                return tell(HostChanged{host});
            }
            case What::arrives: {
                const auto guest = guest_of({step.which, 1 + step.size % 5, step.which % 8,
                                             step.which / 8 % 8, 0, step.size % 9 == 0},
                                            1000 + guests_.size(), hosts_.size());
                guests_[guest.uuid] = guest;
                return tell(GuestSeen{guest});
            }
            case What::seen_again:
                if (const auto* found = nth(guests_, step.which);
                    found != nullptr && !flights_.contains(found->first) &&
                    !settled_.contains(found->first) && !gone_.contains(found->first)) {
                    auto& guest = guests_.at(found->first);
                    guest.memory = gibibytes(1 + step.size % 5);
                    guest.groups = words(step.which % 8, "group ");
                    tell(GuestSeen{guest});
                }
                return;
            case What::leaves:
                if (const auto* found = nth(guests_, step.which);
                    found != nullptr && !flights_.contains(found->first) &&
                    !settled_.contains(found->first)) {
                    gone_.insert(found->first);
                    tell(GuestLeft{found->first});
                }
                return;
            case What::progress:
                if (const auto* found = nth(flights_, step.which)) {
                    const auto uuid = found->first;
                    auto& flight = flights_.at(uuid);
                    const bool sending = step.size % 2 == 0;
                    const bool arrives = !sending && step.size % 3 == 0;
                    resuming_ = flight.sending ? "" : uuid;
                    flight.sending = sending;
                    flight.arrived = flight.arrived || arrives;
                    tell(MoveProgress{uuid, sending, seconds(step.size), arrives});
                }
                return;
            case What::wait:
                now_ += seconds(step.size);
                return tell(TimePassed{});
            case What::cancel:
                if (step.size == 0) {
                    cancelled_ = true;
                    tell(CancelRequested{});
                }
                return;
        }
    }

    void end(const Step& step, Outcome outcome, Trouble trouble) {
        const auto* found = nth(flights_, step.which);
        if (found == nullptr) {
            return;
        }
        const auto uuid = found->first;
        const auto to = found->second.to;
        flights_.erase(uuid);
        auto& guest = guests_.at(uuid);
        if (outcome == Outcome::moved || outcome == Outcome::moved_with_problems) {
            auto& source = hosts_.at(guest.host).memory_free;
            auto& destination = hosts_.at(to).memory_free;
            source = source + guest.memory;
            destination = destination - guest.memory;
            guest.host = to;
            moved_.insert(uuid);
        } else if (outcome == Outcome::unknown) {
            lost_[uuid] = to;
        } else if (trouble == Trouble::destination) {
            refused_.insert({uuid, to});
        } else if (trouble == Trouble::passing) {
            not_before_[uuid] = now_ + kPause * (1U << (attempts_[uuid] - 1));
        }
        tell(MoveEnded{uuid, outcome, trouble, "because"});
        if (!flights_.contains(uuid)) {
            tell(MoveEnded{uuid, Outcome::moved, Trouble::none, "said twice"});
        }
    }

    void finish() {
        for (unsigned step = 0; !evacuation_.over(); ++step) {
            RC_ASSERT(step < 10'000U);  // it ends
            if (!flights_.empty()) {
                take({What::moved, step, 1});
            } else {
                now_ = *evacuation_.wake_at();
                tell(TimePassed{});
            }
        }
        RC_ASSERT(flights_.empty());
    }

    void check_the_end() const {
        std::set<std::string> named;
        for (const auto& standing : evacuation_.standings()) {
            RC_LOG(
                fmt::format("{} {} {}", standing.uuid, name_of(standing.state), standing.reason));
            RC_ASSERT(named.insert(standing.uuid).second);
            RC_ASSERT(standing.ended());
            RC_ASSERT(settled_.contains(standing.uuid));
            const bool says_moved = standing.state == Standing::State::moved ||
                                    standing.state == Standing::State::moved_with_problems;
            RC_ASSERT(says_moved == moved_.contains(standing.uuid));
            RC_ASSERT((standing.state == Standing::State::unknown) ==
                      lost_.contains(standing.uuid));
            RC_ASSERT((says_moved || !standing.reason.empty()));
        }
        for (const auto& [uuid, guest] : guests_) {
            const auto home = rules_.homes.find(uuid);
            const bool ours = rules_.hosts.contains(guest.host) ||
                              (home != rules_.homes.end() && home->second != guest.host);
            RC_ASSERT((!ours || gone_.contains(uuid) || named.contains(uuid)));
        }
    }

    const Scenario& scenario_;
    TimePoint now_{};
    Rules rules_;
    std::map<std::string, Group> groups_;
    std::map<std::string, Host> hosts_;
    std::map<std::string, Guest> guests_;
    std::map<std::string, Flight> flights_;
    std::map<std::string, unsigned> attempts_;
    std::map<std::string, TimePoint> not_before_;
    std::set<std::pair<std::string, std::string>> refused_;
    std::map<std::string, std::string> lost_;  ///< and where they may be
    std::set<std::string> moved_;
    std::set<std::string> gone_;
    std::set<std::string> settled_;
    std::set<std::string> hurried_;
    std::string resuming_;  ///< sends again, and the others do not know yet
    bool cancelled_ = false;
    Evacuation evacuation_;
};

}  // namespace

TEST_CASE("whatever comes, no move breaks a rule, and every guest gets its verdict") {
    CHECK(rc::check([] {
        const auto scenario = *any_scenario();
        Model(scenario).go();
    }));
}

}  // namespace vmigrate::fleet::test
