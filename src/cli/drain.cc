// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/drain.h"

#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "base/text.h"
#include "cli/background.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/network.h"
#include "cli/report.h"

namespace vmigrate::cli {
namespace {

/// Until the other process has taken over.
constexpr milliseconds kToTakeOver{3000};
constexpr milliseconds kBetweenLooks{5};

Result<void> start_drain(const Config& config, std::int64_t id) {
    std::error_code ignored;
    const auto file = std::filesystem::absolute(config.path, ignored).string();
    return start_in_background({{"net", "drain", "--config", file, "--", std::to_string(id)},
                                fmt::format("vmigrate-drain-{}", id),
                                fmt::format("Network of migration {}", id),
                                "/dev/null"});  // the history has what is to be said
}

bool under_way(const history::Entry& entry) {
    return entry.drain && entry.drain->report.state == DrainState::draining;
}

bool was_taken(history::Store& store, std::int64_t id) {
    const auto until = std::chrono::steady_clock::now() + kToTakeOver;
    while (std::chrono::steady_clock::now() < until) {
        const auto entry = store.find(id);
        if (entry && (!under_way(*entry) || entry->drain->holder_alive)) {
            return true;
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
    return false;
}

/// Of one that this process has taken.
Result<void> drain_here(const Config& config, history::Store& store, const history::Entry& entry,
                        const std::string& remains) {
    const auto registry = store.locations();
    const auto network = make_drain(config, entry, remains, *registry);
    return network ? (*network)->drain() : fail(network.error());
}

int report(const history::Entry& entry, bool json) {
    if (json) {
        print_line({{"id", entry.id}, {"drain", drain_json(entry)}});
    } else {
        fmt::print("{}\n", drain_text(entry));
    }
    const auto state = entry.drain->report.state;
    return state == DrainState::drained || state == DrainState::overtaken ? kExitDone
                                                                          : kExitProblems;
}

}  // namespace

bool drain_in_background(const Config& config, history::Store& store, std::int64_t id) {
    const auto entry = store.find(id);
    if (!entry || !under_way(*entry) || !store.give_drain(id)) {
        return false;
    }
    if (start_drain(config, id) && was_taken(store, id)) {
        return true;
    }
    const auto back = store.take_drain(id);
    return !back && back.error().kind == ErrorKind::busy;  // it came late
}

int drain_network(const Config& config, const std::string& which, bool json) {
    const SystemClock clock;
    const auto found = open_migration(config, history::Store::Access::read_write, clock, which);
    if (!found) {
        return complain(found.error());
    }
    const auto& [store, entry] = *found;
    if (!entry.drain || under_way(entry)) {
        const auto remains = store->take_drain(entry.id);
        const auto drained =
            remains ? drain_here(config, *store, entry, *remains) : fail(remains.error());
        if (!drained) {
            const int code = complain(drained.error());
            const auto now = remains ? store->find(entry.id) : fail(remains.error());
            return now && !under_way(*now) ? report(*now, json) : code;
        }
    }
    const auto now = store->find(entry.id);
    return now ? report(*now, json) : complain(now.error());
}

bool is_draining(const history::Entry& entry) {
    return under_way(entry) &&
           (entry.outcome == Outcome::moved || entry.outcome == Outcome::moved_with_problems);
}

Result<int> resume_drains(const Config& config, history::Store& store,
                          std::optional<std::int64_t> only, bool json) {
    history::Filter filter;
    filter.draining = true;
    filter.limit = 0;
    const auto entries = store.list(filter);
    if (!entries) {
        return fail(entries.error());
    }
    int resumed = 0;
    for (const auto& entry : *entries) {
        if (!is_draining(entry) || entry.drain->holder_alive ||
            only.value_or(entry.id) != entry.id) {
            continue;
        }
        ++resumed;
        if (json) {
            print_line({{"event", "draining"}, {"id", entry.id}});
        } else {
            fmt::print("the network of migration {0} is being drained; see 'vmigrate status {0}'\n",
                       entry.id);
            std::fflush(stdout);
        }
        if (!drain_in_background(config, store, entry.id)) {
            drain_network(config, std::to_string(entry.id), json);
        }
    }
    return resumed;
}

Json drain_json(const history::Entry& entry) {
    if (!entry.drain) {
        return nullptr;
    }
    const auto& [report, began, ended, alive, pid] = *entry.drain;
    Json json = {
        {"state", name_of(report.state)},
        {"began", format_wall(began)},
        {"ended", ended ? Json(format_wall(*ended)) : Json(nullptr)},
        {"relayed_packets", report.relayed_packets},
        {"quiet_after_ms", report.quiet_after ? Json(report.quiet_after->count()) : Json(nullptr)},
        {"stale_senders", report.stale_senders},
        {"problems", report.problems}};
    if (under_way(entry)) {
        json["process_alive"] = alive;
        json["process_id"] = pid;
    }
    return json;
}

std::string drain_text(const history::Entry& entry) {
    if (!entry.drain) {
        return "";
    }
    const auto& [report, began, ended, alive, pid] = *entry.drain;
    if (under_way(entry)) {
        return alive ? fmt::format("draining, process {}", pid)
                     : fmt::format("draining, its process is gone: vmigrate recover {}", entry.id);
    }
    auto text =
        fmt::format("{}, {} packet(s) relayed", name_of(report.state), report.relayed_packets);
    if (report.quiet_after) {
        text += fmt::format(", the last after {}", format_time(*report.quiet_after));
    }
    for (const auto& problem : report.problems) {
        text += "; " + problem;
    }
    return text;
}

}  // namespace vmigrate::cli
