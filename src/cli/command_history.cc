// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "base/text.h"
#include "cli/accuracy.h"
#include "cli/command.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/report.h"
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

}  // namespace

int run_history(const Words& words) {
    Arguments arguments("history", "List migrations, newest first.",
                        "vmigrate history\n"
                        "vmigrate history web1 --limit 5\n"
                        "vmigrate history --outcome failed-on-source --json\n"
                        "vmigrate history --accuracy --limit 0");
    history::Filter filter;
    std::optional<std::string> outcome;
    bool accuracy = false;
    arguments.app()
        .add_option("GUEST", filter.guest, "Only this guest (name or UUID)")
        ->type_name("");
    arguments.app().add_option("--outcome", outcome, "Only this outcome")->type_name("OUTCOME");
    arguments.app()
        .add_option("--limit", filter.limit, "At most so many, 0 = all; default 20")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    arguments.app().add_flag("--accuracy", accuracy, "What was predicted beside what was measured");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    const auto wanted = parse_outcome(outcome);
    if (!wanted) {
        return complain(wanted.error());
    }
    filter.outcome = *wanted;
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_only, clock);
    if (!store) {
        return complain(store.error());
    }
    const auto entries = (*store)->list(filter);
    if (!entries) {
        return complain(entries.error());
    }
    if (accuracy) {
        print_accuracy(*entries, arguments.json());
        return kExitDone;
    }
    std::vector<std::vector<std::string>> rows = {
        {"ID", "STARTED (UTC)", "GUEST", "FROM", "TO", "OUTCOME", "TOTAL", "BLACKOUT", ""}};
    for (const auto& entry : *entries) {
        if (arguments.json()) {
            print_line(entry_json(entry));
        } else {
            rows.push_back(row(entry));
        }
    }
    if (!arguments.json()) {
        fmt::print("{}", rows.size() > 1 ? table(rows) : "no migrations\n");
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
