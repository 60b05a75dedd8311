// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <thread>

#include "cli/checks.h"
#include "cli/fleet_load.h"
#include "cli/fleet_needs.h"
#include "libvirt/survey.h"

namespace vmigrate::cli {
namespace {

/// The shortest that libvirt measures a dirty rate over.
constexpr seconds kWindow{1};
/// A host that is silent for this long is taken for unreachable.
constexpr milliseconds kPatience{5000};
/// Until a move has begun: its process looks at both hosts, and measures.
constexpr milliseconds kPlanning{1000};
/// Of a move, beside the sending, where the history does not know better.
constexpr milliseconds kUsualFixed{700};

/// What the preflight checks look at; which emulator can do what is for the move itself to ask.
Request for_survey(Request request) {
    if (!request.options.asked.contains("compression")) {
        request.options.compression = Compression::off;
    }
    return request;
}

/// Beside the sending, of the guest's last move that worked.
std::optional<milliseconds> fixed_before(const std::string& uuid, history::Store& store) {
    history::Filter filter;
    filter.guest = uuid;
    filter.limit = 5;
    const auto entries = store.list(filter);
    for (const auto& entry : entries.value_or(std::vector<history::Entry>{})) {
        const auto& measures = entry.measures;
        // what copying disks takes beside sending them is in the load of each plan
        if (entry.outcome != Outcome::moved || !entry.ended || !measures.memory_sent ||
            measures.bandwidth_mean.value_or(BytesPerSecond{}).count == 0 ||
            measures.disk_sent.value_or(Bytes{}).count > 0) {
            continue;
        }
        const auto whole = std::chrono::duration_cast<milliseconds>(*entry.ended - entry.started);
        const auto sending = time_to_send(*measures.memory_sent, *measures.bandwidth_mean);
        return std::max(whole - sending, milliseconds(0));
    }
    return std::nullopt;
}

/// The one that a move may go to, for what the move is like.
const Sight* best(const std::vector<Sight>& sights) {
    const auto good = std::ranges::find_if(sights, [](const Sight& sight) {
        return std::ranges::none_of(sight.checks, [](const Check& check) {
            return check.verdict == Check::Verdict::failed;
        });
    });
    return good != sights.end() ? &*good : nullptr;
}

}  // namespace

struct FleetSurvey::Scouted {
    libvirt::HostAccess access;
    std::shared_ptr<libvirt::Session> session;
    HostFacts facts;
    std::vector<libvirt::GuestLoad> loads;
};

/// A guest that is to be moved, looked at closely.
struct FleetSurvey::Mover {
    std::string host;
    GuestFacts facts;
    std::string trouble;  ///< why it cannot be looked at
    std::vector<Sight> sights;
};

FleetSurvey::FleetSurvey(const Config& config, FleetWish wish)
    : config_(config), wish_(std::move(wish)) {}
FleetSurvey::~FleetSurvey() = default;

Result<fleet::Fleet> FleetSurvey::survey(history::Store& store) {
    const seconds window = wish_.request.options.measure ? kWindow : seconds(0);
    const auto scout = [this, window](const libvirt::HostAccess& access) -> Result<Scouted> {
        auto session = libvirt::Session::open(access, kPatience);
        if (!session) {
            return fail(session.error());
        }
        // before the guests are measured, for that keeps processors busy
        const auto begun = std::chrono::steady_clock::now();
        const auto before = libvirt::cpu_times(**session);
        auto facts = libvirt::survey_host(**session);
        if (!facts) {
            return fail(facts.error());
        }
        if (window.count() > 0) {
            std::this_thread::sleep_until(begun + libvirt::kProcessorWindow);
            const auto after = libvirt::cpu_times(**session);
            if (before && after) {
                facts->idle_cpus = libvirt::idle_between(*before, *after, facts->cpus);
            }
        }
        auto loads = libvirt::measure_guests(**session, window, [&](const std::string& uuid) {
            return is_to_move(uuid, access.name);
        });
        if (!loads) {
            return fail(loads.error());
        }
        return Scouted{access, std::move(*session), std::move(*facts), std::move(*loads)};
    };
    std::vector<std::future<Result<Scouted>>> asked;
    for (const auto& access : config_.hosts) {
        asked.push_back(std::async(std::launch::async, scout, std::cref(access)));
    }
    fleet::Fleet fleet;
    std::vector<const HostFacts*> facts;
    std::vector<std::string> closed;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        auto answer = asked[i].get();
        const auto& name = config_.hosts[i].name;
        if (answer) {
            scouted_[name] = std::make_shared<Scouted>(std::move(*answer));
            facts.push_back(&scouted_[name]->facts);
        } else if (wish_.sources.contains(name)) {
            return fail(answer.error());
        } else {
            silent_.push_back(answer.error().message);
            wish_.closed[name] = "does not answer";
        }
    }
    if (const auto same = twins(facts, config_)) {
        return fail(*same);
    }
    std::vector<Mover> movers;
    for (auto& [name, scouted] : scouted_) {
        auto there = movers_on(*scouted);
        std::move(there.begin(), there.end(), std::back_inserter(movers));
    }
    look_for_places(movers);
    for (auto& [name, scouted] : scouted_) {
        for (const auto& load : scouted->loads) {
            const auto mover = std::ranges::find_if(movers, [&, &name = name](const Mover& one) {
                return one.host == name && one.facts.ref.uuid == load.ref.uuid;
            });
            if (mover != movers.end() && mover->facts.state == GuestState::incoming) {
                continue;  // it is where it comes from
            }
            auto guest = guest_of(load, name);
            if (mover != movers.end()) {
                need(guest, *mover);
                if (mover->trouble.empty()) {
                    guest.load = load_of_move(*mover, load, store);
                }
            }
            // on its way between two hosts that are no source
            if (std::ranges::find(fleet.guests, guest.uuid, &fleet::Guest::uuid) ==
                fleet.guests.end()) {
                fleet.guests.push_back(std::move(guest));
            }
        }
    }
    for (const auto& access : config_.hosts) {
        const auto found = scouted_.find(access.name);
        fleet.hosts.push_back(host(
            access.name, found != scouted_.end() ? found->second->facts.memory_free : Bytes{}));
    }
    for (const auto& [name, group] : config_.fleet.groups) {
        fleet.groups[name] = {group.rule == GuestGroup::Rule::together
                                  ? fleet::Group::Rule::together
                                  : fleet::Group::Rule::apart};
    }
    return fleet;
}

bool FleetSurvey::is_to_move(const std::string& uuid, const std::string& host) const {
    return wish_.all || wish_.sources.contains(host) || wish_.guests.contains(uuid);
}

std::vector<FleetSurvey::Mover> FleetSurvey::movers_on(Scouted& scouted) const {
    std::vector<Mover> movers;
    for (const auto& load : scouted.loads) {
        if (!is_to_move(load.ref.uuid, scouted.access.name)) {
            continue;
        }
        auto found = libvirt::find_guest(*scouted.session, load.ref.uuid);
        Mover mover{scouted.access.name, {}, "", {}};
        if (found && *found) {
            mover.facts = std::move(**found);
        } else {
            mover.facts.ref = load.ref;
            mover.trouble = found ? "it went away" : found.error().message;
        }
        movers.push_back(std::move(mover));
    }
    return movers;
}

/// Each destination on a thread of its own, with connections of its own to the sources.
void FleetSurvey::look_for_places(std::vector<Mover>& movers) {
    const auto request = for_survey(wish_.request);
    const auto look = [&](const Scouted& there) {
        std::map<std::string, std::unique_ptr<libvirt::Session>> sources;
        std::map<std::string, libvirt::ProcessorAnswers> answers;
        std::vector<std::pair<Mover*, Sight>> sights;
        for (auto& mover : movers) {
            if (mover.host == there.access.name || !mover.trouble.empty()) {
                continue;
            }
            const auto& from = *scouted_.at(mover.host);
            auto& source = sources[mover.host];
            if (!source) {
                source = libvirt::Session::open(from.access, kPatience)
                             .value_or(std::unique_ptr<libvirt::Session>());
            }
            auto facts =
                source ? libvirt::survey_destination(*there.session, there.facts, *source,
                                                     mover.facts, request, &answers[mover.host])
                       : Result<DestinationFacts>(fail(ErrorKind::unreachable, ""));
            if (facts) {
                auto checks =
                    preflight(request, mover.facts, from.facts, *facts, config_.clear_text);
                sights.emplace_back(&mover, Sight{std::move(*facts), std::move(checks)});
            }
        }
        return sights;
    };
    std::vector<std::future<std::vector<std::pair<Mover*, Sight>>>> looks;
    for (const auto& [name, scouted] : scouted_) {
        if (!wish_.closed.contains(name) && scouted->session->alive()) {
            looks.push_back(std::async(std::launch::async, look, std::cref(*scouted)));
        }
    }
    for (auto& sights : looks) {
        for (auto& [mover, sight] : sights.get()) {
            mover->sights.push_back(std::move(sight));
        }
    }
}

fleet::Guest FleetSurvey::guest_of(const libvirt::GuestLoad& load, const std::string& host) const {
    fleet::Guest guest;
    guest.uuid = load.ref.uuid;
    guest.name = load.ref.name;
    guest.host = host;
    guest.memory = load.memory;
    guest.busy_cpus = load.busy_cpus.value_or(0);
    guest.groups = config_.fleet.groups_of(load.ref.name);
    guest.priority = config_.fleet.priority_of(load.ref.name);
    guest.load.to_send = load.used.value_or(load.memory);
    guest.load.dirty_rate = load.measured.dirty_rate.value_or(BytesPerSecond{});
    return guest;
}

fleet::Load FleetSurvey::load_of_move(const Mover& mover, const libvirt::GuestLoad& load,
                                      history::Store& store) const {
    auto memory = load.measured;
    if (memory.pages_sampled == 0 && load.used && load.memory.count > 0) {
        memory.zero_share =
            1 - static_cast<double>(load.used->count) / static_cast<double>(load.memory.count);
    }
    auto request = wish_.request;
    if (wish_.bandwidth.count > 0) {
        request.options.bandwidth = wish_.bandwidth;
    }
    DestinationFacts destination;
    PairHistory history;
    if (const auto* sight = best(mover.sights)) {
        destination = sight->facts;
        history = store.pair_history(mover.host, destination.host.name).value_or(PairHistory{});
    }
    // not asked, for that takes long; mostly it is the same one
    destination.qemu = mover.facts.qemu;
    const auto plan = make_plan(request, mover.facts, scouted_.at(mover.host)->facts, destination,
                                memory, history, config_.clear_text);
    return load_of(plan, kPlanning + fixed_before(load.ref.uuid, store).value_or(kUsualFixed));
}

void FleetSurvey::need(fleet::Guest& guest, const Mover& mover) {
    auto found = needs_of(mover.facts, mover.sights);
    guest.unmovable = mover.trouble.empty() ? found.unmovable : mover.trouble;
    for (const auto& [key, value] : wish_.labels) {
        found.needs.insert(fmt::format("label {}={}", key, value));
    }
    needs_.insert(found.needs.begin(), found.needs.end());
    for (auto& [host, lacks] : found.lacks) {
        lacks_[host].merge(lacks);
    }
    guest.needs = std::move(found.needs);
}

Result<std::optional<fleet::Guest>> FleetSurvey::meet(const libvirt::GuestLoad& load,
                                                      const std::string& host,
                                                      history::Store& store) {
    const auto found = scouted_.find(host);
    if (found == scouted_.end()) {
        return fail(ErrorKind::unreachable, fmt::format("host {} did not answer", host));
    }
    // others may have been lost meanwhile
    for (const auto& [name, scouted] : scouted_) {
        if (!scouted->session->alive()) {
            if (auto again = scouted->session->reconnect(kPatience); !again && name == host) {
                return fail(again.error());
            }
        }
    }
    auto facts = libvirt::find_guest(*found->second->session, load.ref.uuid);
    if (!facts) {
        return fail(facts.error());
    }
    if (!*facts || (*facts)->state == GuestState::incoming) {
        return std::optional<fleet::Guest>();
    }
    std::vector<Mover> movers(1);
    movers.front() = {host, std::move(**facts), "", {}};
    look_for_places(movers);
    auto guest = guest_of(load, host);
    need(guest, movers.front());
    guest.load = load_of_move(movers.front(), load, store);
    return guest;
}

std::optional<MemoryFacts> FleetSurvey::measured(const std::string& uuid) const {
    for (const auto& [name, scouted] : scouted_) {
        for (const auto& load : scouted->loads) {
            if (load.ref.uuid == uuid && load.measured.dirty_rate) {
                return load.measured;
            }
        }
    }
    return std::nullopt;
}

fleet::Host FleetSurvey::host(const std::string& name, Bytes memory_free) const {
    fleet::Host host;
    host.name = name;
    const auto limits = config_.fleet.limits_of(name);
    host.most_out = limits.out;
    host.most_in = limits.in;
    if (const auto why = wish_.closed.find(name); why != wish_.closed.end()) {
        host.closed = why->second;
    }
    const auto found = scouted_.find(name);
    if (found == scouted_.end()) {
        return host;
    }
    const auto& facts = found->second->facts;
    host.memory_total = facts.memory_total;
    host.memory_free = memory_free;
    host.cpus = facts.cpus;
    host.busy_cpus = facts.idle_cpus ? facts.cpus - *facts.idle_cpus : 0;
    host.link = facts.link.value_or(BytesPerSecond{});
    host.offers = needs_;
    if (const auto lacks = lacks_.find(name); lacks != lacks_.end()) {
        for (const auto& need : lacks->second) {
            host.offers.erase(need);
        }
    }
    const auto& labels = found->second->access.labels;
    for (const auto& label : wish_.labels) {
        if (std::ranges::find(labels, label) == labels.end()) {
            host.offers.erase(fmt::format("label {}={}", label.first, label.second));
        }
    }
    return host;
}

}  // namespace vmigrate::cli
