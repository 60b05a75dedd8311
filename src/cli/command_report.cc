// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/command.h"
#include "cli/evacuation_report.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/moment.h"
#include "cli/output_file.h"
#include "cli/story.h"
#include "history/evacuations.h"
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

Json migrations_json(const std::vector<history::Entry>& entries) {
    auto list = Json::array();
    for (const auto& entry : entries) {
        list.push_back(entry_json(entry));
    }
    return list;
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
    return report::page(fmt::format("Migrations since {}", format_wall(*moment).substr(0, 16)),
                        {{"kind", "fleet"}, {"migrations", migrations_json(*entries)}});
}

/// Each guest of it, and each time that one was moved meanwhile.
Result<std::string> page_of_evacuation(history::Store& store, const std::string& host) {
    const auto evacuations = store.evacuations();
    const auto newest = evacuations->newest(host);
    if (!newest || !*newest) {
        return newest ? fail(ErrorKind::not_found,
                             fmt::format("no evacuation of host {} in the history", quoted(host)))
                      : fail(newest.error());
    }
    const auto& evacuation = **newest;
    history::Filter filter;
    filter.since = evacuation.began;
    filter.until = evacuation.ended;
    filter.limit = 0;
    const auto guests = evacuations->guests(evacuation.id);
    auto entries = store.list(filter);
    if (!guests || !entries) {
        return fail(!guests ? guests.error() : entries.error());
    }
    std::set<std::string> its;
    auto list = Json::array();
    for (const auto& guest : *guests) {
        its.insert(guest.guest.uuid);
        const auto last = std::ranges::find_if(
            *entries, [&](const history::Entry& entry) { return entry.id == guest.migration; });
        list.push_back(
            to_json(GuestEnd{guest, last != entries->end() ? std::optional(*last) : std::nullopt}));
    }
    std::erase_if(*entries, [&](const auto& entry) { return !its.contains(entry.guest.uuid); });
    return report::page(
        fmt::format(
            "{} of {}",
            evacuation.kind == history::EvacuationKind::evacuate ? "Evacuation" : "Restoration",
            evacuation.host),
        {{"kind", "fleet"},
         {"evacuation",
          {{"id", evacuation.id},
           {"began", format_wall(evacuation.began)},
           {"ended", evacuation.ended ? Json(format_wall(*evacuation.ended)) : Json(nullptr)},
           {"guests", std::move(list)}}},
         {"migrations", migrations_json(*entries)}});
}

}  // namespace

int run_report(const Words& words) {
    Arguments arguments("report", "Write a page with charts of one migration, or of many.",
                        "vmigrate report 17 -o web1.html\n"
                        "vmigrate report web1 >web1.html\n"
                        "vmigrate report --since 2026-11-27 -o night.html\n"
                        "vmigrate report --evacuation host1 -o host1.html");
    std::optional<std::string> which;
    std::optional<std::string> since;
    std::optional<std::string> evacuation;
    std::optional<std::string> output;
    auto* one = arguments.app()
                    .add_option("MIGRATION", which, "Id of a migration, or a guest for its newest")
                    ->type_name("");
    auto* many =
        arguments.app()
            .add_option("--since", since, "All that were started then or later: date or age")
            ->type_name("TIME")
            ->excludes(one);
    arguments.app()
        .add_option("--evacuation", evacuation, "The newest evacuation or restoration of this host")
        ->type_name("HOST")
        ->excludes(one)
        ->excludes(many);
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
    if (!which && !since && !evacuation) {
        return complain({ErrorKind::usage,
                         "report: of which? name a migration, or give --since or "
                         "--evacuation; see vmigrate report --help"});
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
    const auto page = which   ? page_of(**store, *which)
                      : since ? page_since(**store, *since)
                              : page_of_evacuation(**store, *evacuation);
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
