// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/planning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <future>
#include <thread>

#include "base/text.h"
#include "cli/checks.h"
#include "cli/network.h"
#include "libvirt/survey.h"

namespace vmigrate::cli {
namespace {

/// The shortest window that libvirt measures a dirty rate over.
constexpr milliseconds kDirtyWindow = seconds(1);
/// A host that is silent for this long is taken for unreachable.
constexpr milliseconds kPatience = seconds(5);

/// What one host said when asked for the guest.
struct Scouted {
    std::unique_ptr<libvirt::Session> session;
    HostFacts host;
    std::optional<GuestFacts> guest;
    std::optional<libvirt::CpuTimes> cpu_times;
};

Result<Scouted> scout(const libvirt::HostAccess& access, const Request& request) {
    auto session = libvirt::Session::open(access, kPatience);
    if (!session) {
        return fail(session.error());
    }
    auto host = libvirt::survey_host(**session);
    if (!host) {
        return fail(host.error());
    }
    auto found = libvirt::find_guest(**session, request.guest);
    if (!found) {
        return fail(found.error());
    }
    const auto times = request.options.measure ? libvirt::cpu_times(**session) : std::nullopt;
    return Scouted{std::move(*session), std::move(*host), std::move(*found), times};
}

std::vector<Result<Scouted>> scout_all(const std::vector<libvirt::HostAccess>& hosts,
                                       const Request& request) {
    std::vector<std::future<Result<Scouted>>> asked;
    for (const auto& access : hosts) {
        asked.push_back(
            std::async(std::launch::async, [&access, &request] { return scout(access, request); }));
    }
    std::vector<Result<Scouted>> answers;
    for (auto& answer : asked) {
        answers.push_back(answer.get());
    }
    return answers;
}

/// Two entries of the configuration that lead to one libvirt would make one guest look like two.
std::optional<Error> twins(const std::vector<Scouted>& scouts, const Config& config) {
    std::vector<const HostFacts*> facts;
    for (const auto& scouted : scouts) {
        facts.push_back(&scouted.host);
    }
    return twins(facts, config);
}

/// Measures on a session of its own, beside the surveys that use the source's session.
std::future<MemoryFacts> measure(const libvirt::HostAccess& access, const GuestFacts& guest,
                                 bool wanted) {
    return std::async(std::launch::async, [access, &guest, wanted] {
        if (wanted && guest.state != GuestState::shut_off) {
            if (auto session = libvirt::Session::open(access, kPatience)) {
                return libvirt::measure_memory(**session, guest, kDirtyWindow)
                    .value_or(MemoryFacts{});
            }
        }
        return MemoryFacts{};
    });
}

std::optional<double> idle_in(const Measured& measured, const std::string& host) {
    const auto found = measured.idle_cpus.find(host);
    return found != measured.idle_cpus.end() ? std::optional(found->second) : std::nullopt;
}

/// What only the time tells that the measuring took: idle processors, and writes to disks.
void look_again(Scouted& scouted, HostFacts& facts) {
    const auto now = scouted.cpu_times ? libvirt::cpu_times(*scouted.session) : std::nullopt;
    if (now) {
        facts.idle_cpus = libvirt::idle_between(*scouted.cpu_times, *now, facts.cpus);
    }
}

struct Surveyed {
    std::vector<DestinationFacts> facts;
    std::vector<std::size_t> scouts;  ///< whose facts they are
    std::vector<std::string> notes;
};

Result<Surveyed> survey_destinations(std::vector<Scouted>& scouts, std::size_t source,
                                     const Request& request, EmulatorMemory& emulators) {
    Surveyed result;
    for (std::size_t i = 0; i < scouts.size(); ++i) {
        const auto& name = scouts[i].host.name;
        if (i == source || (request.to && *request.to != name)) {
            continue;
        }
        auto facts =
            libvirt::survey_destination(*scouts[i].session, scouts[i].host, *scouts[source].session,
                                        *scouts[source].guest, request, nullptr, &emulators);
        if (facts) {
            result.facts.push_back(std::move(*facts));
            result.scouts.push_back(i);
        } else if (request.to) {
            return fail(facts.error());
        } else {
            result.notes.push_back(
                fmt::format("{} is no candidate: {}", name, facts.error().message));
        }
    }
    return result;
}

/// What only `start` would run into otherwise: the lease and a history that cannot be written.
std::vector<Check> own_checks(const Config& config, const GuestRef& guest, history::Store& store) {
    std::vector<Check> checks;
    const auto holder = store.lease_of(guest.uuid);
    if (!holder) {
        checks.push_back({"lease", Check::Verdict::undecided, holder.error().message,
                          "make the history readable, see [history] in the configuration"});
    } else if (*holder) {
        checks.push_back({"lease", Check::Verdict::failed,
                          fmt::format("migration {} of this guest has not ended", **holder),
                          fmt::format("see 'vmigrate status {}'; if its process is gone, run "
                                      "'vmigrate recover {}'",
                                      **holder, **holder)});
    } else {
        checks.push_back(
            {"lease", Check::Verdict::passed, "no other vmigrate moves this guest", ""});
    }
    checks.push_back(check_history(config));
    return checks;
}

/// Sorts the answers; only a host that the request names has to answer.
Result<std::vector<Scouted>> answered(std::vector<Result<Scouted>> answers,
                                      const std::vector<libvirt::HostAccess>& hosts,
                                      const Request& request, std::vector<std::string>& silent) {
    std::vector<Scouted> scouts;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i]) {
            scouts.push_back(std::move(*answers[i]));
            continue;
        }
        const auto& name = hosts[i].name;
        if (request.from == name || request.to == name) {
            return fail(answers[i].error());
        }
        silent.push_back(answers[i].error().message);
    }
    return scouts;
}

Result<std::size_t> find_source(const Request& request, const std::vector<Scouted>& scouts,
                                const std::vector<std::string>& silent) {
    std::vector<Sighting> sightings;
    std::vector<std::size_t> origins;
    for (std::size_t i = 0; i < scouts.size(); ++i) {
        const auto& guest = scouts[i].guest;
        if (guest && (!request.from || *request.from == scouts[i].host.name)) {
            sightings.push_back({scouts[i].host.name, guest->ref, guest->state});
            origins.push_back(i);
        }
    }
    const auto picked = pick_source(request.guest, sightings, silent);
    if (!picked) {
        return fail(picked.error());
    }
    const auto source = origins[*picked];
    if (request.to == scouts[source].host.name) {
        return fail(ErrorKind::blocked, fmt::format("guest {} is on {} already, nothing to do",
                                                    quoted(request.guest), *request.to));
    }
    return source;
}

/// A guest that is on two hosts is most likely on its way: says by which migration.
Error with_holder(Error error, const std::string& guest, history::Store& store) {
    const auto holder = store.lease_of(guest);
    if (error.kind == ErrorKind::blocked && holder && *holder) {
        error.message += fmt::format(" (migration {})", **holder);
    }
    return error;
}

/// What the switches say beforehand; nothing where no switch is turned.
std::optional<Check> check_switches(const Config& config, const Plan& plan, history::Store& store) {
    if (backend_of(config.network, plan.source.name) != "ovs") {
        return std::nullopt;
    }
    const auto locations = store.locations();
    const auto network = make_network(
        config, plan.request.options,
        {plan.guest, plan.source.name, plan.destination.host.name, *locations, nullptr});
    if (network && (*network)->backend() != "ovs") {
        return std::nullopt;
    }
    const auto good = network ? (*network)->check() : fail(network.error());
    if (good) {
        return Check{"switches", Check::Verdict::passed, "both have what relays need", ""};
    }
    const auto& said = good.error().message;
    const auto end = said.rfind("; ");
    return Check{"switches", Check::Verdict::failed, said.substr(0, end),
                 end != std::string::npos ? said.substr(end + 2) : "see 'vmigrate net status'"};
}

}  // namespace

Result<std::vector<libvirt::HostAccess>> hosts_to_ask(const Config& config,
                                                      const Request& request) {
    if (config.hosts.empty()) {
        return fail(no_hosts(config));
    }
    std::vector<libvirt::HostAccess> named;
    for (const auto& name : {request.from, request.to}) {
        if (!name) {
            continue;
        }
        auto host = config.host(*name);
        if (!host) {
            return fail(host.error());
        }
        named.push_back(std::move(*host));
    }
    if (request.from && request.from == request.to) {
        return fail(ErrorKind::usage,
                    fmt::format("destination and source are both {}; give another --to",
                                quoted(*request.to)));
    }
    return named.size() == 2 ? named : config.hosts;
}

Result<std::size_t> pick_source(const std::string& wanted, const std::vector<Sighting>& sightings,
                                const std::vector<std::string>& silent) {
    if (sightings.empty()) {
        if (!silent.empty()) {
            return fail(ErrorKind::unreachable,
                        fmt::format("guest {} is on no host that answers; {}", quoted(wanted),
                                    fmt::join(silent, "; ")));
        }
        return fail(ErrorKind::not_found,
                    fmt::format("no guest {} on the hosts that were asked; 'vmigrate hosts "
                                "--guests' lists them",
                                quoted(wanted)));
    }
    const auto active = [](const Sighting& sighting) {
        return sighting.state != GuestState::shut_off;
    };
    const bool any_active = std::ranges::any_of(sightings, active);
    std::vector<std::size_t> candidates;
    std::vector<std::string> places;
    for (std::size_t i = 0; i < sightings.size(); ++i) {
        if (active(sightings[i]) == any_active) {
            candidates.push_back(i);
            places.push_back(fmt::format("{} ({})", sightings[i].host, sightings[i].guest.uuid));
        }
    }
    if (candidates.size() == 1) {
        return candidates.front();
    }
    const bool same = std::ranges::all_of(candidates, [&](std::size_t i) {
        return sightings[i].guest.uuid == sightings[candidates.front()].guest.uuid;
    });
    const auto where = fmt::format("{}", fmt::join(places, " and "));
    if (!same) {
        return fail(ErrorKind::usage,
                    fmt::format("several guests are called {}: {}; give the UUID or --from",
                                quoted(wanted), where));
    }
    const bool arriving = std::ranges::any_of(
        candidates, [&](std::size_t i) { return sightings[i].state == GuestState::incoming; });
    const auto* what = !any_active ? "is defined, shut off, on {}; give --from"
                       : arriving
                           ? "is being migrated, it is on {}; see 'vmigrate status', and 'vmigrate "
                             "recover' if its process is gone"
                           : "is active on {}: it may run twice; stop the wrong one by hand";
    return fail(ErrorKind::blocked,
                fmt::format("guest {} {}", quoted(wanted), fmt::format(fmt::runtime(what), where)));
}

Result<Planned> plan_migration(const Config& config, const Request& request, history::Store& store,
                               const std::optional<Measured>& known) {
    const auto hosts = hosts_to_ask(config, request);
    if (!hosts) {
        return fail(hosts.error());
    }
    std::vector<std::string> silent;
    auto scouts = answered(scout_all(*hosts, request), *hosts, request, silent);
    if (!scouts) {
        return fail(scouts.error());
    }
    if (const auto same = twins(*scouts, config)) {
        return fail(*same);
    }
    const auto source_index = find_source(request, *scouts, silent);
    if (!source_index) {
        return fail(with_holder(source_index.error(), request.guest, store));
    }
    auto& source = (*scouts)[*source_index];

    const bool measuring = request.options.measure && !known;
    const auto begun = std::chrono::steady_clock::now();
    auto memory = measure(source.session->access(), *source.guest, measuring);
    const auto emulators = store.emulators();
    auto surveyed = survey_destinations(*scouts, *source_index, request, *emulators);
    if (!surveyed) {
        return fail(surveyed.error());
    }
    const auto choice =
        choose_destination(request, *source.guest, source.host, surveyed->facts, config.clear_text);
    // With --to a failed check belongs into the plan, with its fix, not into an error.
    if (!choice && !request.to) {
        return fail(choice.error());
    }
    const auto chosen = request.to ? 0 : choice->index;
    auto& destination = surveyed->facts[chosen];
    const auto measured = known ? known->memory : memory.get();
    if (known && !known->idle_cpus.empty()) {
        source.host.idle_cpus = idle_in(*known, source.host.name);
        destination.host.idle_cpus = idle_in(*known, destination.host.name);
    } else if (request.options.measure) {
        std::this_thread::sleep_until(begun + libvirt::kProcessorWindow);
        libvirt::look_at_writes_again(*source.session, *source.guest);
        look_again(source, source.host);
        look_again((*scouts)[surveyed->scouts[chosen]], destination.host);
    }
    const auto history = store.pair_history(source.host.name, destination.host.name);

    Planned planned;
    planned.plan = make_plan(request, *source.guest, source.host, destination, measured,
                             history.value_or(PairHistory{}), config.clear_text);
    if (!request.to) {
        planned.plan.destination_reason = choice->reason;
    }
    auto& notes = planned.plan.notes;
    notes.insert(notes.end(), surveyed->notes.begin(), surveyed->notes.end());
    notes.insert(notes.end(), silent.begin(), silent.end());
    auto& checks = planned.plan.checks;
    const auto own = own_checks(config, source.guest->ref, store);
    checks.insert(checks.end(), own.begin(), own.end());
    if (auto switches = check_switches(config, planned.plan, store)) {
        checks.push_back(std::move(*switches));
    }
    planned.source = std::move(source.session);
    planned.destination = std::move((*scouts)[surveyed->scouts[chosen]].session);
    return planned;
}

}  // namespace vmigrate::cli
