// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <functional>
#include <vector>

#include "cli/command.h"
#include "cli/drain.h"
#include "cli/evacuate.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "cli/recover_all.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "libvirt/session.h"

namespace vmigrate::cli {
namespace {

int tell(const history::Entry& entry, const Record& record, bool json) {
    if (json) {
        Json result = {{"event", "result"}};
        result.update(to_json(record));
        print_line(result);
    } else {
        const Json names = {{"guest", entry.guest.name},
                            {"source", entry.source},
                            {"destination", entry.destination}};
        fmt::print("{}", outcome_text(record, names));
        std::fflush(stdout);
    }
    return exit_code(record);
}

/// With its progress on the terminal, and a whole report. One that has its verdict is told again.
int recover_one(const Config& config, history::Store& store, const history::Entry& entry,
                const RecoveryRules& rules, bool json, Interrupts& interrupts) {
    if (entry.outcome && *entry.outcome != Outcome::unknown && !history::left_something(entry)) {
        return tell(entry, record_of(entry), json);
    }
    const SystemClock clock;
    TerminalLine line(stderr);
    TerminalStatus terminal_status(line, clock);
    JsonStatus json_status;
    Status& status = json ? static_cast<Status&>(json_status) : terminal_status;
    EventQueue events;
    interrupts.abort_through(&events);
    const auto record = recover_migration(config, store, entry, rules, status, events);
    interrupts.abort_through(nullptr);
    line.end();
    return record ? tell(entry, *record, json) : complain(record.error());
}

/// Migrations that ended so, as far as they are the last word on their guest.
Result<std::vector<history::Entry>> last_words(history::Store& store, Outcome outcome) {
    history::Filter filter;
    filter.outcome = outcome;
    filter.limit = 0;
    auto entries = store.list(filter);
    if (!entries) {
        return entries;
    }
    std::erase_if(*entries, [&store](const history::Entry& entry) {
        history::Filter newest;
        newest.guest = entry.guest.uuid;
        newest.limit = 1;
        const auto last = store.list(newest);
        return last && !last->empty() && last->front().id != entry.id;
    });
    return entries;
}

/// The migrations to recover: the one that was named, else all whose process is gone or whose
/// outcome is unknown; with --all also those that ended and left something.
/// Error (usage): several, and neither an id nor --all.
Result<std::vector<history::Entry>> select(history::Store& store,
                                           const std::optional<std::string>& which, bool all) {
    if (which) {
        auto entry = find_migration(store, *which);
        return entry ? Result<std::vector<history::Entry>>({std::move(*entry)})
                     : fail(entry.error());
    }
    history::Filter filter;
    filter.unfinished = true;
    filter.limit = 0;
    auto entries = store.list(filter);
    if (!entries) {
        return entries;
    }
    std::erase_if(*entries, [](const history::Entry& entry) { return entry.holder_alive; });
    auto unknown = last_words(store, Outcome::unknown);
    if (!unknown) {
        return unknown;
    }
    entries->insert(entries->end(), unknown->begin(), unknown->end());
    if (all) {
        for (const auto outcome : {Outcome::failed_on_source, Outcome::moved_with_problems}) {
            auto ended = last_words(store, outcome);
            if (!ended) {
                return ended;
            }
            std::erase_if(*ended, std::not_fn(history::left_something));
            entries->insert(entries->end(), ended->begin(), ended->end());
        }
    }
    if (entries->size() > 1 && !all) {
        std::string ids;
        for (const auto& entry : *entries) {
            ids += fmt::format(" {}", entry.id);
        }
        return fail(ErrorKind::usage,
                    fmt::format("several migrations have no verdict:{}; name one, or give "
                                "--all",
                                ids));
    }
    return entries;
}

}  // namespace

int run_recover(const Words& words) {
    Arguments arguments("recover", "Bring a migration to its end whose process died.",
                        "vmigrate recover\n"
                        "vmigrate recover 17\n"
                        "vmigrate recover --all --abort");
    std::optional<std::string> which;
    bool all = false;
    bool abort = false;
    bool elsewhere = false;
    auto& app = arguments.app();
    auto* one = app.add_option("MIGRATION", which, "Id of a migration, or its guest");
    one->type_name("");
    app.add_flag("--all", all,
                 "Every migration whose process is gone, whose outcome is unknown, or that left "
                 "something")
        ->excludes(one);
    app.add_flag("--abort", abort, "Cancel what libvirt still carries on; default: wait for it");
    app.add_flag("--elsewhere", elsewhere,
                 "Also one that another machine started: it is known to be gone");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    Interrupts interrupts;
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_write, clock);
    if (!store) {
        return complain(store.error());
    }
    auto entries = select(**store, which, all);
    if (!entries) {
        return complain(entries.error());
    }
    const auto only = which ? std::optional(entries->front().id) : std::nullopt;
    std::erase_if(*entries, is_draining);
    const libvirt::EventLoop loop;
    RecoveryRules rules;
    rules.options.abort_running = abort;
    if (elsewhere) {
        rules.takeover = history::Takeover::from_out_of_sight;
    }
    int code = kExitDone;
    if (all) {
        code = recover_all(*config, *entries, rules, arguments.json(), interrupts);
    } else if (!entries->empty()) {
        code = recover_one(*config, **store, entries->front(), rules, arguments.json(), interrupts);
    }
    const auto resumed = resume_drains(*config, **store, only, arguments.json());
    if (!resumed) {
        return worse(code, complain(resumed.error()));
    }
    if (entries->empty() && *resumed == 0) {
        fmt::print(stderr, "no migration needs recovery\n");
    }
    // last: their guests have their verdicts now
    const auto named = only ? Result<void>() : name_broken_evacuations(**store, arguments.json());
    if (!named) {
        return worse(code, complain(named.error()));
    }
    return code;
}

}  // namespace vmigrate::cli
