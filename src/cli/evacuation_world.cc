// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/evacuation_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "cli/measured.h"
#include "cli/move_end.h"
#include "fleet/move_time.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kTick{100};
constexpr milliseconds kBetweenRequests{500};
/// Short beside the time from a migration's first word to its first page: who begins to send gets
/// his share from the others before.
constexpr milliseconds kBetweenProgress{200};
/// The survey has measured the guests. Measuring one again takes longer than it can gain when the
/// guest dirties little of what the link carries, and is moved soon. How busy processors are
/// changes with each move, and is taken from the last looks at the hosts.
constexpr double kIdle = 0.1;
constexpr milliseconds kQuick{20'000};
/// A change of free memory that may make a difference.
constexpr Bytes kTelling = mebibytes(32);
/// A guest that so many looks in a row do not find is gone.
constexpr unsigned kMissed = 2;

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// In post-copy it runs there while most of it is still sent.
Phase arrival(const Result<Options>& policy) {
    return policy && !policy->postcopy ? Phase::switched : Phase::draining;
}

/// Throttled sooner and for good, rather than late: see throttle-stall in vmigrate.toml(5).
std::vector<Setting> hurried() {
    return {{"throttle-stall", "50"}, {"throttle-direct-within", "30s"}};
}

}  // namespace

EvacuationWorld::EvacuationWorld(const Config& config, const EvacuationOptions& options,
                                 std::int64_t id, history::Store& store, FleetSurvey& survey,
                                 const fleet::Fleet& fleet, EventQueue& interrupts, FleetView& view)
    : config_(config),
      options_(options),
      id_(id),
      store_(store),
      evacuations_(store.evacuations()),
      survey_(survey),
      interrupts_(interrupts),
      view_(view),
      config_file_(std::filesystem::absolute(config.path).string()),
      arrived_(arrival(config.policy(options.policy))),
      watch_(config.hosts) {
    for (const auto& host : fleet.hosts) {
        auto& known = hosts_[host.name];
        known.answers = host.closed != "does not answer";
        known.memory_free = host.memory_free;
        if (host.busy_cpus > 0) {  // else it may not be known
            known.idle_cpus = host.cpus - host.busy_cpus;
        }
    }
    for (const auto& guest : fleet.guests) {
        places_[guest.uuid] = guest.host;
    }
}

std::vector<std::string> EvacuationWorld::start_words(const fleet::StartMove& move,
                                                      const std::string& from) const {
    std::vector<std::string> words = {"start", "--json", "--config", config_file_, "--from",
                                      from,    "--to",   move.to,    "--policy",   options_.policy};
    if (move.bandwidth.count > 0) {
        words.insert(words.end(), {"--bandwidth", fmt::format("{}B/s", move.bandwidth.count)});
    }
    if (const auto measured = measured_if_quick(move, from)) {
        words.insert(words.end(), {"--measured", line(to_json(*measured))});
    }
    if (move.hurried) {
        for (const auto& [key, value] : hurried()) {
            words.insert(words.end(), {"--set", fmt::format("{}={}", key, value)});
        }
    }
    words.insert(words.end(), {"--", move.uuid});
    return words;
}

std::optional<Measured> EvacuationWorld::measured_if_quick(const fleet::StartMove& move,
                                                           const std::string& from) const {
    auto memory = survey_.measured(move.uuid);
    const auto bandwidth = move.bandwidth.count > 0 ? move.bandwidth : fleet::kAssumedBandwidth;
    if (!memory || *memory->dirty_rate >= bandwidth * kIdle || move.expected >= kQuick) {
        return std::nullopt;
    }
    Measured measured{std::move(*memory), {}};
    const auto here = hosts_.find(from);
    const auto there = hosts_.find(move.to);
    if (here != hosts_.end() && here->second.idle_cpus && there != hosts_.end() &&
        there->second.idle_cpus) {
        measured.idle_cpus = {{from, *here->second.idle_cpus}, {move.to, *there->second.idle_cpus}};
    }
    return measured;
}

Result<void> EvacuationWorld::begin(const fleet::StartMove& move, const std::string& from) {
    const auto last = newest_migration(move.uuid, 0);
    auto started = processes_.start(move.uuid, start_words(move, from));
    if (started) {
        moves_[move.uuid] = {move.to, last ? last->id : 0, {}, false, false};
    }
    return started;
}

void EvacuationWorld::adopt(const history::EvacuationGuest& guest) {
    const auto& uuid = guest.guest.uuid;
    moves_[uuid] = {guest.to, guest.migration.value_or(0), {}, false, false};
    processes_.adopt(uuid, "start");
}

void EvacuationWorld::share(const std::string& uuid, BytesPerSecond bandwidth) {
    if (const auto move = moves_.find(uuid); move != moves_.end()) {
        move->second.wanted = bandwidth;
        next_moves_ = {};
    }
}

void EvacuationWorld::hurry(const std::string& uuid) {
    if (const auto move = moves_.find(uuid); move != moves_.end()) {
        move->second.hurry = true;
        next_moves_ = {};
    }
}

std::optional<std::int64_t> EvacuationWorld::migration_of(const std::string& uuid) {
    if (const auto move = moves_.find(uuid); move != moves_.end()) {
        // for who goes on: what is newer than this is of the move that was under way
        const auto earlier = move->second.earlier;
        return earlier > 0 ? std::optional(earlier) : std::nullopt;
    }
    const auto last = last_migration_.find(uuid);
    return last != last_migration_.end() ? std::optional(last->second) : std::nullopt;
}

std::vector<fleet::Happening> EvacuationWorld::wait(TimePoint until) {
    std::vector<fleet::Happening> happenings;
    do {
        for (const auto& ended : processes_.ended(std::min(until, now() + kTick))) {
            note_end(ended, happenings);
        }
        look_at_requests(happenings);
        look_at_hosts(happenings);
        look_at_moves(happenings);
    } while (happenings.empty() && now() < until);
    return happenings;
}

std::optional<history::Entry> EvacuationWorld::newest_migration(const std::string& uuid,
                                                                std::int64_t after) {
    history::Filter filter;
    filter.guest = uuid;
    filter.limit = 1;
    const auto entries = store_.list(filter);
    if (!entries || entries->empty() || entries->front().id <= after) {
        return std::nullopt;
    }
    return entries->front();
}

void EvacuationWorld::note_end(const MoveProcesses::Ended& ended,
                               std::vector<fleet::Happening>& happenings) {
    auto& move = moves_.at(ended.key);
    MoveTrace trace{ended.exit_code, ended.output, ended.errors,
                    newest_migration(ended.key, move.earlier), hosts_[move.to].answers};
    if (trace.entry && !trace.entry->outcome && !std::exchange(move.recovering, true)) {
        // it was killed: its end is to be found out
        if (processes_.start(ended.key, {"recover", "--json", "--config", config_file_, "--",
                                         std::to_string(trace.entry->id)})) {
            return;
        }
    }
    if (trace.entry) {
        last_migration_[ended.key] = trace.entry->id;
    }
    auto end = move_ended(ended.key, trace);
    if (end.outcome == Outcome::moved || end.outcome == Outcome::moved_with_problems) {
        places_[ended.key] = move.to;
    }
    moves_.erase(ended.key);
    missed_.erase(ended.key);
    happenings.emplace_back(std::move(end));
}

void EvacuationWorld::look_at_moves(std::vector<fleet::Happening>& happenings) {
    if (now() < next_moves_) {
        return;
    }
    next_moves_ = now() + kBetweenProgress;
    for (auto& [uuid, move] : moves_) {
        const auto entry = newest_migration(uuid, move.earlier);
        if (!entry || entry->outcome) {
            happenings.emplace_back(fleet::MoveProgress{uuid, false, {}});
            continue;
        }
        std::vector<Setting> settings;
        if (move.wanted) {
            settings.push_back({"bandwidth", fmt::format("{}B/s", move.wanted->count)});
        }
        if (move.hurry) {
            const auto more = hurried();
            settings.insert(settings.end(), more.begin(), more.end());
        }
        // an error: it has just ended, or is switching over
        if (!settings.empty() && store_.request_tune(entry->id, settings)) {
            move.wanted.reset();
            move.hurry = false;
        }
        const auto sample = store_.last_sample(entry->id);
        const auto left = sample && *sample ? (*sample)->forecast.eta : std::nullopt;
        happenings.emplace_back(fleet::MoveProgress{uuid, entry->phase <= Phase::precopy, left,
                                                    entry->phase >= arrived_});
    }
}

void EvacuationWorld::look_at_requests(std::vector<fleet::Happening>& happenings) {
    const auto cancel = [&] {
        if (!std::exchange(cancelled_, true)) {
            view_.notice(moves_.empty() ? "cancelled: no other guest moves"
                                        : "cancelled: no other guest moves; those under way end as "
                                          "they do, a second signal ends them");
            happenings.emplace_back(fleet::CancelRequested{});
        }
    };
    while (const auto event = interrupts_.next(now())) {
        if (!std::holds_alternative<AbortRequested>(event->what)) {
            continue;
        }
        if (std::exchange(interrupted_, true)) {
            abort_moves();
        }
        cancel();
    }
    if (now() < next_requests_) {
        return;
    }
    next_requests_ = now() + kBetweenRequests;
    const auto others = evacuations_->under_way();
    if (!others) {
        return;  // the book has said so
    }
    std::set<std::string> emptied;
    for (const auto& entry : *others) {
        if (entry.id == id_ && entry.cancel_requested) {
            cancel();
        } else if (entry.id != id_ && entry.kind == history::EvacuationKind::evacuate) {
            emptied.insert(entry.host);
        }
    }
    if (emptied != emptied_elsewhere_) {
        std::set<std::string> changed;
        std::ranges::set_symmetric_difference(emptied, emptied_elsewhere_,
                                              std::inserter(changed, changed.end()));
        emptied_elsewhere_ = std::move(emptied);
        for (const auto& host : changed) {
            happenings.emplace_back(fleet::HostChanged{host_now(host)});
        }
    }
}

void EvacuationWorld::abort_moves() {
    for (const auto& [uuid, move] : moves_) {
        if (const auto entry = newest_migration(uuid, move.earlier)) {
            static_cast<void>(store_.request_abort(entry->id));  // an error: it has just ended
        }
    }
}

fleet::Host EvacuationWorld::host_now(const std::string& name) const {
    const auto known = hosts_.find(name);
    auto host = survey_.host(name, known != hosts_.end() ? known->second.memory_free : Bytes{});
    if (known != hosts_.end() && !known->second.answers) {
        host.closed = "does not answer";
    } else if (host.closed.empty() && emptied_elsewhere_.contains(name)) {
        host.closed = "is being emptied";
    }
    return host;
}

void EvacuationWorld::look_at_hosts(std::vector<fleet::Happening>& happenings) {
    for (const auto& [name, look] : watch_.take()) {
        auto& known = hosts_[name];
        const bool answered = std::exchange(known.answers, look.has_value());
        if (answered && !look) {
            view_.notice(look.error().message);
        } else if (!answered && look) {
            view_.notice(fmt::format("host {} answers again", quoted(name)));
        }
        const auto before = known.memory_free;
        if (look) {
            known.memory_free = look->memory_free;
            const auto earlier = std::exchange(known.cpu_times, look->cpu_times);
            if (earlier && look->cpu_times) {
                known.idle_cpus = libvirt::idle_between(*earlier, *look->cpu_times, look->cpus);
            }
        }
        const auto change =
            std::max(before, known.memory_free) - std::min(before, known.memory_free);
        if (answered != look.has_value() || change > kTelling) {
            happenings.emplace_back(fleet::HostChanged{host_now(name)});
        }
        if (look) {
            look_at_guests(name, look->guests, happenings);
        }
    }
}

/// Who has come, and who has gone by itself.
void EvacuationWorld::look_at_guests(const std::string& host,
                                     const std::vector<libvirt::GuestLoad>& there,
                                     std::vector<fleet::Happening>& happenings) {
    if (options_.kind != history::EvacuationKind::evacuate || host != options_.host) {
        return;
    }
    for (const auto& load : there) {
        const auto& uuid = load.ref.uuid;
        missed_.erase(uuid);
        const auto place = places_.find(uuid);
        if (moves_.contains(uuid) || (place != places_.end() && place->second == host)) {
            continue;
        }
        auto guest = survey_.meet(load, host, store_);
        if (guest && *guest) {  // else it is on its way, and seen again
            places_[uuid] = host;
            view_.notice(fmt::format("guest {} has come to {}", quoted(load.ref.name), host));
            for (const auto& access : config_.hosts) {
                happenings.emplace_back(fleet::HostChanged{host_now(access.name)});
            }
            happenings.emplace_back(fleet::GuestSeen{std::move(**guest)});
        }
    }
    for (auto place = places_.begin(); place != places_.end();) {
        const auto& uuid = place->first;
        const bool is_there = std::ranges::any_of(
            there, [&](const libvirt::GuestLoad& load) { return load.ref.uuid == uuid; });
        if (place->second != host || moves_.contains(uuid) || is_there ||
            ++missed_[uuid] < kMissed) {
            ++place;
            continue;
        }
        missed_.erase(uuid);
        happenings.emplace_back(fleet::GuestLeft{uuid});
        place = places_.erase(place);
    }
}

}  // namespace vmigrate::cli
