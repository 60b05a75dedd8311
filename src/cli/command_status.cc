// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "cli/command.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

Json status_json(const history::Entry& entry, const std::optional<history::SampleRow>& sample) {
    auto json = entry_json(entry);
    json["progress_percent"] = sample ? Json(sample->progress_percent) : Json(nullptr);
    json["elapsed_ms"] = sample ? Json(sample->elapsed.count()) : Json(nullptr);
    json["sample"] = sample ? to_json(sample->sample) : Json(nullptr);
    json.update(to_json(sample && !entry.outcome ? sample->forecast : Forecast{}));
    return json;
}

/// Below a heading that says ETA already.
std::string forecast_text(const Forecast& forecast) {
    const auto text = eta_text(forecast);
    return text.empty() ? "-" : text.starts_with("ETA ") ? text.substr(4) : text;
}

std::string state_text(const history::Entry& entry) {
    if (entry.outcome) {
        return entry.drain ? "network: " + drain_text(entry) : "ended";
    }
    return entry.holder_alive ? fmt::format("process {}", entry.holder_pid)
                              : fmt::format("process is gone: vmigrate recover {}", entry.id);
}

std::vector<std::string> status_row(const history::Entry& entry,
                                    const std::optional<history::SampleRow>& sample) {
    return {
        fmt::format("{}", entry.id),
        quoted(entry.guest.name),
        entry.source,
        entry.destination,
        entry.outcome ? std::string(name_of(*entry.outcome)) : std::string(name_of(entry.phase)),
        sample ? fmt::format("{} %", sample->progress_percent) : "-",
        sample ? format_bytes(sample->sample.memory_remaining + sample->sample.disk_remaining)
               : "-",
        sample && !entry.outcome ? forecast_text(sample->forecast) : "-",
        state_text(entry)};
}

/// Prints one migration, or all that have not ended.
int print_status(history::Store& store, const std::vector<history::Entry>& entries, bool json) {
    std::vector<std::vector<std::string>> rows = {
        {"ID", "GUEST", "FROM", "TO", "PHASE", "DONE", "LEFT", "ETA", "STATE"}};
    for (const auto& entry : entries) {
        const auto sample = store.last_sample(entry.id);
        if (!sample) {
            return complain(sample.error());
        }
        if (json) {
            print_line(status_json(entry, *sample));
        } else {
            rows.push_back(status_row(entry, *sample));
        }
    }
    if (!json) {
        fmt::print("{}", rows.size() > 1 ? table(rows) : "no migration is under way\n");
    }
    return kExitDone;
}

/// Newest first: those that have not ended, then, if wanted, those whose network is being drained.
Result<std::vector<history::Entry>> under_way(history::Store& store, bool draining) {
    history::Filter filter;
    filter.unfinished = true;
    filter.limit = 0;
    auto entries = store.list(filter);
    if (!entries || !draining) {
        return entries;
    }
    filter.unfinished = false;
    filter.draining = true;
    auto moved = store.list(filter);
    if (!moved) {
        return moved;
    }
    std::ranges::copy_if(*moved, std::back_inserter(*entries),
                         [](const history::Entry& entry) { return entry.outcome.has_value(); });
    return entries;
}

}  // namespace

int run_status(const Words& words) {
    Arguments arguments("status", "Show or follow migrations that have not ended.",
                        "vmigrate status\n"
                        "vmigrate status web1 --watch\n"
                        "vmigrate status 17 --json");
    std::optional<std::string> which;
    bool watch = false;
    arguments.app()
        .add_option("MIGRATION", which, "Id of a migration, or its guest")
        ->type_name("");
    arguments.app().add_flag("--watch", watch, "Follow it to its end and exit with its outcome");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_only, clock);
    if (!store) {
        return complain(store.error());
    }
    std::vector<history::Entry> entries;
    if (which) {
        auto entry = find_migration(**store, *which);
        if (!entry) {
            return complain(entry.error());
        }
        entries.push_back(std::move(*entry));
    } else {
        auto found = under_way(**store, !watch);
        if (!found) {
            return complain(found.error());
        }
        entries = std::move(*found);
    }
    if (!watch || entries.empty()) {
        return print_status(**store, entries, arguments.json());
    }
    if (entries.size() > 1) {
        print_error(
            "status: several migrations are under way; say which one to watch, see "
            "'vmigrate status'");
        return kExitUsage;
    }
    return follow(**store, entries.front().id, arguments.json(), clock);
}

}  // namespace vmigrate::cli
