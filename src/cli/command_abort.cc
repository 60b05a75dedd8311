// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/report.h"

namespace vmigrate::cli {
namespace {

/// Long enough for a cancelled migration to be undone on slow hosts.
constexpr milliseconds kPatience = seconds(60);

/// 0: it was ended in time, the guest is on the source.
int report(const history::Entry& entry, bool json) {
    if (!entry.outcome) {
        print_error(fmt::format("the process of {} is gone; run 'vmigrate recover {} --abort'",
                                describe(entry), entry.id));
        return kExitUnknown;
    }
    if (json) {
        print_line(entry_json(entry));
    } else {
        fmt::print("{}: {}{}{}\n", describe(entry), name_of(*entry.outcome),
                   entry.reason.empty() ? "" : ": ", entry.reason);
    }
    if (*entry.outcome == Outcome::failed_on_source) {
        return kExitDone;
    }
    if (*entry.outcome != Outcome::unknown) {
        print_error("too late to abort: the guest has moved");
    }
    return *entry.outcome == Outcome::moved ? kExitStays : exit_code(*entry.outcome);
}

}  // namespace

int run_abort(const Words& words) {
    Arguments arguments("abort",
                        "End a migration before its switchover; the guest stays on the source.",
                        "vmigrate abort web1\n"
                        "vmigrate abort 17");
    std::string which;
    arguments.app()
        .add_option("MIGRATION", which, "Id of a migration, or its guest")
        ->required()
        ->type_name("");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    const SystemClock clock;
    const auto found = open_migration(*config, history::Store::Access::read_write, clock, which);
    if (!found) {
        return complain(found.error());
    }
    const auto& [store, entry] = *found;
    if (!entry.outcome && !entry.holder_alive) {
        print_error(fmt::format("the process of {} is gone; run 'vmigrate recover {} --abort'",
                                describe(entry), entry.id));
        return kExitBlocked;
    }
    if (const auto asked = store->request_abort(entry.id); !asked) {
        return complain(asked.error());
    }
    const auto ended = wait_for_end(*store, entry.id, kPatience, clock);
    return ended ? report(*ended, arguments.json()) : complain(ended.error());
}

}  // namespace vmigrate::cli
