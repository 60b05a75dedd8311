// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/course_text.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/story.h"
#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

std::string timeline_text(const history::Story& story) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : story.timeline) {
        const auto elapsed = std::chrono::duration_cast<milliseconds>(row.at - story.entry.started);
        rows.push_back({fmt::format("+{:.3f} s", static_cast<double>(elapsed.count()) / 1000.0),
                        std::string(name_of(row.phase)), row.note});
    }
    return table(rows, "  ");
}

std::string steps_text(const history::Story& story) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& row : story.steps) {
        rows.push_back({row.done ? "done" : "intended", std::string(name_of(row.step)),
                        // The originals are long and of use to `recover` alone.
                        row.step == Step::make_volume ? row.detail : ""});
    }
    return table(rows, "  ");
}

std::string samples_text(const history::Story& story) {
    std::vector<std::vector<std::string>> rows = {{"AFTER", "DONE", "ITERATION", "MEMORY LEFT",
                                                   "DISKS LEFT", "DIRTY", "BANDWIDTH", "RATIO",
                                                   "THROTTLE", ""}};
    for (const auto& row : story.samples) {
        const auto& sample = row.sample;
        const auto& ratio = row.forecast.convergence_ratio;
        rows.push_back({format_time(row.elapsed), fmt::format("{} %", row.progress_percent),
                        fmt::format("{}", sample.iteration), format_bytes(sample.memory_remaining),
                        format_bytes(sample.disk_remaining), format_rate(sample.dirty_rate),
                        format_rate(sample.bandwidth), ratio ? fmt::format("{:.2f}", *ratio) : "-",
                        fmt::format("{} %", sample.throttle_percent), eta_text(row.forecast)});
    }
    return table(rows, "  ");
}

std::string story_text(const history::Story& story, bool samples) {
    const auto& entry = story.entry;
    const auto plan = plan_of(story);
    auto text = fmt::format("Migration {}: {} ({}) from {} to {}, policy {}\nstarted {}{}\n",
                            entry.id, quoted(entry.guest.name), entry.guest.uuid, entry.source,
                            entry.destination, entry.policy, format_wall(entry.started),
                            entry.ended ? ", ended " + format_wall(*entry.ended) : "");
    text += "\nTimeline\n" + timeline_text(story) + "\nSteps\n" + steps_text(story);
    if (samples) {
        text += "\nSamples\n" + samples_text(story);
    }
    if (const auto course = course_text(story, bars_of_locale()); !course.empty()) {
        text += "\nCourse\n" + course;
    }
    if (entry.drain) {
        text += fmt::format("\nNetwork\n  {}\n", drain_text(entry));
    }
    text += "\nMeasures\n" + measures_text(entry.measures, plan) + '\n';
    if (entry.outcome) {
        return text + outcome_text(record_of(entry), plan);
    }
    return text + (entry.holder_alive
                       ? fmt::format("under way in process {}\n", entry.holder_pid)
                       : fmt::format("its process is gone; run 'vmigrate recover {}'\n", entry.id));
}

}  // namespace

int run_show(const Words& words) {
    Arguments arguments("show", "Tell everything about one migration.",
                        "vmigrate show 17\n"
                        "vmigrate show web1 --samples\n"
                        "vmigrate show 17 --json");
    std::string which;
    bool samples = false;
    arguments.app()
        .add_option("MIGRATION", which, "Id of a migration, or a guest for its newest")
        ->required()
        ->type_name("");
    arguments.app().add_flag("--samples", samples, "Every sample that was taken on the way");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    const SystemClock clock;
    const auto found = open_migration(*config, history::Store::Access::read_only, clock, which);
    if (!found) {
        return complain(found.error());
    }
    const auto& [store, entry] = *found;
    const auto story = store->story(entry.id);
    if (!story) {
        return complain(story.error());
    }
    if (arguments.json()) {
        print_line(story_json(*story, samples));
    } else {
        fmt::print("{}", story_text(*story, samples));
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
