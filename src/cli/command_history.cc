// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "base/text.h"
#include "cli/accuracy.h"
#include "cli/command.h"
#include "cli/csv.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/moment.h"
#include "cli/report.h"
#include "cli/statistics.h"
#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

/// What of it did not go well, or goes on.
std::string remark(const history::Entry& entry) {
    if (!entry.reason.empty() || !entry.problems.empty()) {
        return entry.reason.empty() ? entry.problems.front() : entry.reason;
    }
    const bool well = !entry.drain || entry.drain->report.state == DrainState::drained ||
                      entry.drain->report.state == DrainState::overtaken;
    return well ? "" : "network: " + drain_text(entry);
}

std::vector<std::string> row(const history::Entry& entry) {
    const auto& measures = entry.measures;
    return {
        fmt::format("{}", entry.id),
        format_wall(entry.started).substr(0, 19),
        quoted(entry.guest.name),
        entry.source,
        entry.destination,
        entry.outcome ? std::string(name_of(*entry.outcome))
                      : fmt::format("({})", name_of(entry.phase)),
        measures.total ? format_time(*measures.total) : "-",
        measures.blackout ? format_time(std::chrono::ceil<milliseconds>(*measures.blackout)) : "-",
        remark(entry)};
}

Result<std::optional<Outcome>> parse_outcome(const std::optional<std::string>& name) {
    if (!name) {
        return std::optional<Outcome>();
    }
    const auto outcome = outcome_named(*name);
    if (!outcome) {
        return fail(ErrorKind::usage,
                    fmt::format("--outcome {}: it is one of moved, moved-with-problems, "
                                "failed-on-source, unknown",
                                quoted(*name)));
    }
    return outcome;
}

void print_accuracy(const std::vector<history::Entry>& entries, bool json) {
    if (!json) {
        fmt::print("{}", accuracy_text(entries));
        return;
    }
    for (const auto& entry : entries) {
        if (const auto accuracy = accuracy_of(entry)) {
            print_line(accuracy_json(entry, *accuracy));
        }
    }
}

void print_statistics(const std::vector<history::Entry>& entries, bool json) {
    const auto all = statistics_of(entries);
    if (!json) {
        fmt::print("{}", statistics_text(all));
        return;
    }
    for (const auto& one : all) {
        print_line(statistics_json(one));
    }
}

void print_csv(const std::vector<history::Entry>& entries) {
    fmt::print("{}", csv_heading());
    for (const auto& entry : entries) {
        fmt::print("{}", csv_line(entry));
    }
}

void print_entries(const std::vector<history::Entry>& entries, bool json) {
    std::vector<std::vector<std::string>> rows = {
        {"ID", "STARTED (UTC)", "GUEST", "FROM", "TO", "OUTCOME", "TOTAL", "BLACKOUT", ""}};
    for (const auto& entry : entries) {
        if (json) {
            print_line(entry_json(entry));
        } else {
            rows.push_back(row(entry));
        }
    }
    if (!json) {
        fmt::print("{}", rows.size() > 1 ? table(rows) : "no migrations\n");
    }
}

int prune(const Config& config, const std::string& before) {
    const SystemClock clock;
    const auto moment = parse_moment("--prune", before, clock.wall());
    if (!moment) {
        return complain(moment.error());
    }
    const auto store = open_history(config, history::Store::Access::read_write, clock);
    if (!store) {
        return complain(store.error());
    }
    const auto forgotten = (*store)->prune(*moment);
    if (!forgotten) {
        return complain(forgotten.error());
    }
    fmt::print("{} migrations that ended before {} are forgotten\n", *forgotten,
               format_wall(*moment));
    return kExitDone;
}

/// The options of the command, as words.
struct Wanted {
    std::optional<std::string> outcome;
    std::optional<std::string> since;
    std::optional<std::string> until;
    std::optional<std::string> prune;
    bool accuracy = false;
    bool statistics = false;
    bool csv = false;
    std::optional<std::size_t> limit;
};

Result<void> read_filter(const Wanted& wanted, history::Filter& filter) {
    const auto outcome = parse_outcome(wanted.outcome);
    if (!outcome) {
        return fail(outcome.error());
    }
    filter.outcome = *outcome;
    const auto now = SystemClock().wall();
    for (const auto& [option, text, moment] :
         {std::tuple{"--since", &wanted.since, &filter.since},
          std::tuple{"--until", &wanted.until, &filter.until}}) {
        if (*text) {
            const auto read = parse_moment(option, **text, now);
            if (!read) {
                return fail(read.error());
            }
            *moment = *read;
        }
    }
    constexpr std::size_t some = 20;
    filter.limit = wanted.limit.value_or(wanted.statistics || wanted.csv ? 0 : some);
    return {};
}

void add_options(CLI::App& app, history::Filter& filter, Wanted& wanted) {
    app.add_option("GUEST", filter.guest, "Only this guest (name or UUID)")->type_name("");
    app.add_option("--outcome", wanted.outcome, "Only this outcome")->type_name("OUTCOME");
    app.add_option("--from", filter.source, "Only from this host")->type_name("HOST");
    app.add_option("--to", filter.destination, "Only to this host")->type_name("HOST");
    app.add_option("--policy", filter.policy, "Only with this policy")->type_name("POLICY");
    app.add_option("--since", wanted.since, "Only those started then or later: date or age")
        ->type_name("TIME");
    app.add_option("--until", wanted.until, "Only those started before")->type_name("TIME");
    app.add_option("--limit", wanted.limit,
                   "At most so many, 0 = all; default 20, with --statistics and --csv all")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    auto* accuracy =
        app.add_flag("--accuracy", wanted.accuracy, "What was predicted beside what was measured");
    auto* statistics =
        app.add_flag("--statistics", wanted.statistics,
                     "Median and percentiles of blackout and total, by hosts and policy");
    auto* csv = app.add_flag("--csv", wanted.csv, "For a spreadsheet");
    auto* prune =
        app.add_option("--prune", wanted.prune, "Forget those that ended before: date or age")
            ->type_name("TIME");
    accuracy->excludes(statistics)->excludes(csv)->excludes(prune);
    statistics->excludes(csv)->excludes(prune);
    csv->excludes(prune);
}

}  // namespace

int run_history(const Words& words) {
    Arguments arguments("history", "List migrations, newest first.",
                        "vmigrate history\n"
                        "vmigrate history web1 --limit 5\n"
                        "vmigrate history --outcome failed-on-source --json\n"
                        "vmigrate history --statistics --since 30d\n"
                        "vmigrate history --csv --from host1 >migrations.csv\n"
                        "vmigrate history --accuracy --limit 0");
    history::Filter filter;
    Wanted wanted;
    add_options(arguments.app(), filter, wanted);
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    if (wanted.csv && arguments.json()) {
        return complain({ErrorKind::usage, "history: --csv or --json, not both"});
    }
    if (const auto read = read_filter(wanted, filter); !read) {
        return complain(read.error());
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    if (wanted.prune) {
        return prune(*config, *wanted.prune);
    }
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_only, clock);
    if (!store) {
        return complain(store.error());
    }
    const auto entries = (*store)->list(filter);
    if (!entries) {
        return complain(entries.error());
    }
    if (wanted.accuracy) {
        print_accuracy(*entries, arguments.json());
    } else if (wanted.statistics) {
        print_statistics(*entries, arguments.json());
    } else if (wanted.csv) {
        print_csv(*entries);
    } else {
        print_entries(*entries, arguments.json());
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
