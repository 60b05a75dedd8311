// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/moment.h"
#include "cli/output_file.h"
#include "cli/story.h"
#include "report/page.h"

namespace vmigrate::cli {
namespace {

Result<std::string> page_of(history::Store& store, const std::string& word) {
    const auto entry = find_migration(store, word);
    if (!entry) {
        return fail(entry.error());
    }
    const auto story = store.story(entry->id);
    if (!story) {
        return fail(story.error());
    }
    return report::page(fmt::format("Migration {}: {} from {} to {}", entry->id, entry->guest.name,
                                    entry->source, entry->destination),
                        {{"kind", "migration"}, {"migration", story_json(*story, true)}});
}

Result<std::string> page_since(history::Store& store, const std::string& since) {
    const auto moment = parse_moment("--since", since, SystemClock().wall());
    if (!moment) {
        return fail(moment.error());
    }
    history::Filter filter;
    filter.since = *moment;
    filter.limit = 0;
    const auto entries = store.list(filter);
    if (!entries) {
        return fail(entries.error());
    }
    auto migrations = Json::array();
    for (const auto& entry : *entries) {
        migrations.push_back(entry_json(entry));
    }
    return report::page(fmt::format("Migrations since {}", format_wall(*moment).substr(0, 16)),
                        {{"kind", "fleet"}, {"migrations", std::move(migrations)}});
}

}  // namespace

int run_report(const Words& words) {
    Arguments arguments("report", "Write a page with charts of one migration, or of many.",
                        "vmigrate report 17 -o web1.html\n"
                        "vmigrate report web1 >web1.html\n"
                        "vmigrate report --since 2026-11-27 -o night.html");
    std::optional<std::string> which;
    std::optional<std::string> since;
    std::optional<std::string> output;
    auto* one = arguments.app()
                    .add_option("MIGRATION", which, "Id of a migration, or a guest for its newest")
                    ->type_name("");
    arguments.app()
        .add_option("--since", since, "All that were started then or later: date or age")
        ->type_name("TIME")
        ->excludes(one);
    arguments.app()
        .add_option("-o,--output", output, "Into this file; default: standard output")
        ->type_name("FILE");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    if (arguments.json()) {
        return complain({ErrorKind::usage,
                         "report: it is a page for people; for JSON see vmigrate "
                         "show --json --samples and vmigrate history --json"});
    }
    if (!which && !since) {
        return complain({ErrorKind::usage,
                         "report: of which? name a migration, or give --since; "
                         "see vmigrate report --help"});
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
    const auto page = which ? page_of(**store, *which) : page_since(**store, *since);
    if (!page) {
        return complain(page.error());
    }
    if (!output) {
        fmt::print("{}", *page);
        return kExitDone;
    }
    const auto written = write_at_once(*output, *page, Readers::as_umask);
    return written ? kExitDone : complain(written.error());
}

}  // namespace vmigrate::cli
