// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/follow.h"

#include <fmt/format.h>

#include <thread>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/report.h"

namespace vmigrate::cli {
namespace {

/// How often the history is asked; a query takes well under a millisecond.
constexpr milliseconds kPause{200};

Progress progress_of(const history::Entry& entry, const history::SampleRow& row) {
    const auto& sample = row.sample;
    Progress progress;
    progress.phase = entry.phase;
    progress.percent = row.progress_percent;
    progress.iteration = sample.iteration;
    progress.remaining = sample.memory_remaining + sample.disk_remaining;
    progress.total = sample.memory_total + sample.disk_total;
    progress.dirty_rate = sample.dirty_rate;
    progress.bandwidth = sample.bandwidth;
    progress.throttle_percent = sample.throttle_percent;
    progress.forecast = row.forecast;
    progress.elapsed = row.elapsed;
    return progress;
}

bool is_over(const history::Entry& entry) {
    return entry.outcome || !entry.holder_alive;
}

int report(const history::Story& story, bool json) {
    const auto& entry = story.entry;
    if (!entry.outcome) {
        print_error(fmt::format("the process of {} is gone; run 'vmigrate recover {}'",
                                describe(entry), entry.id));
        return kExitUnknown;
    }
    const auto record = record_of(entry);
    if (json) {
        Json result = {{"event", "result"}};
        result.update(to_json(record));
        print_line(result);
    } else {
        const auto plan = Json::parse(story.plan_json, nullptr, false);
        fmt::print("{}{}", outcome_text(record, plan), measures_text(record.measures, plan));
    }
    return exit_code(record);
}

}  // namespace

Json entry_json(const history::Entry& entry) {
    Json json = {{"id", entry.id},
                 {"guest", entry.guest.name},
                 {"guest_uuid", entry.guest.uuid},
                 {"source", entry.source},
                 {"destination", entry.destination},
                 {"policy", entry.policy},
                 {"started", format_wall(entry.started)},
                 {"ended", entry.ended ? Json(format_wall(*entry.ended)) : Json(nullptr)},
                 {"phase", name_of(entry.phase)},
                 {"outcome", entry.outcome ? Json(name_of(*entry.outcome)) : Json(nullptr)},
                 {"reason", entry.reason},
                 {"problems", entry.problems}};
    if (!entry.outcome) {
        json["process_alive"] = entry.holder_alive;
        json["process_id"] = entry.holder_pid;
    }
    json["drain"] = drain_json(entry);
    json.update(to_json(entry.measures));
    return json;
}

Record record_of(const history::Entry& entry) {
    Record record;
    record.id = entry.id;
    record.outcome = entry.outcome.value_or(Outcome::unknown);
    record.reason = entry.reason;
    record.problems = entry.problems;
    record.interrupted = entry.interrupted;
    record.measures = entry.measures;
    return record;
}

int follow(history::Store& store, std::int64_t id, bool json, const Clock& clock) {
    TerminalLine line(stderr);
    TerminalStatus terminal_status(line, clock);
    JsonStatus json_status;
    Status& status = json ? static_cast<Status&>(json_status) : terminal_status;
    std::optional<milliseconds> shown;
    for (;;) {
        const auto entry = store.find(id);
        if (!entry) {
            return complain(entry.error());
        }
        const auto sample = store.last_sample(id);
        if (sample && *sample && (*sample)->elapsed != shown && !is_over(*entry)) {
            shown = (*sample)->elapsed;
            status.progress(progress_of(*entry, **sample));
        }
        if (is_over(*entry)) {
            line.end();
            const auto whole = store.story(id);
            return whole ? report(*whole, json) : complain(whole.error());
        }
        std::this_thread::sleep_for(kPause);
    }
}

Result<history::Entry> wait_for_end(history::Store& store, std::int64_t id, milliseconds patience,
                                    const Clock& clock) {
    const auto deadline = clock.now() + patience;
    for (;;) {
        auto entry = store.find(id);
        if (!entry || is_over(*entry)) {
            return entry;
        }
        if (clock.now() > deadline) {
            return fail(ErrorKind::unreachable,
                        fmt::format("{} has not ended after {}; see 'vmigrate status {}'",
                                    describe(*entry), format_time(patience), id));
        }
        std::this_thread::sleep_for(kPause);
    }
}

}  // namespace vmigrate::cli
