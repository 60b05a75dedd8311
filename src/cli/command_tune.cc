// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thread>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"

namespace vmigrate::cli {
namespace {

/// The process looks at least once a second unless its policy says otherwise; while libvirt
/// prepares the destination it does not look at all.
constexpr milliseconds kPatience = seconds(20);
constexpr milliseconds kPause{100};

Result<std::vector<Setting>> settings_in(const Words& words) {
    std::vector<Setting> settings;
    for (const auto& word : words) {
        auto setting = parse_setting(word);
        if (!setting) {
            return fail(std::move(setting.error()));
        }
        settings.push_back(std::move(*setting));
    }
    return settings;
}

/// Error (usage): it ended first; (unreachable): its process did not look in time.
Result<TuneAnswer> wait_for_answer(history::Store& store, const history::Entry& entry,
                                   std::int64_t sequence, const Clock& clock) {
    const auto deadline = clock.now() + kPatience;
    for (;;) {
        const auto answer = store.tune_answer(entry.id, sequence);
        if (!answer) {
            return fail(answer.error());
        }
        if (*answer) {
            return **answer;
        }
        const auto now = store.find(entry.id);
        if (now && (now->outcome || !now->holder_alive)) {
            return fail(ErrorKind::usage,
                        fmt::format("{} ended before it was changed", describe(entry)));
        }
        if (clock.now() > deadline) {
            return fail(ErrorKind::unreachable,
                        fmt::format("the process of {} (pid {}) has not answered within {}",
                                    describe(entry), entry.holder_pid, format_time(kPatience)));
        }
        std::this_thread::sleep_for(kPause);
    }
}

int report(const history::Entry& entry, const std::vector<Setting>& settings,
           const TuneAnswer& answer, bool json) {
    if (json) {
        Json asked = Json::object();
        for (const auto& [key, value] : settings) {
            asked[key] = value;
        }
        print_line({{"id", entry.id},
                    {"guest", entry.guest.name},
                    {"settings", asked},
                    {"fate", name_of(answer.fate)},
                    {"reason", answer.reason}});
    }
    if (answer.fate == TuneFate::applied) {
        if (!json) {
            fmt::print("{}: {}\n", describe(entry), text_of(settings));
        }
        return kExitDone;
    }
    print_error(answer.reason);
    return answer.fate == TuneFate::refused ? kExitUsage : kExitBlocked;
}

}  // namespace

int run_tune(const Words& words) {
    Arguments arguments("tune", "Change a migration while it runs.",
                        "vmigrate tune web1 bandwidth=50MiB/s\n"
                        "vmigrate tune 17 timeout=30m timeout-action=force\n"
                        "vmigrate tune 17 auto-converge=off");
    std::string which;
    Words texts;
    arguments.app()
        .add_option("MIGRATION", which, "Id of a migration, or its guest")
        ->required()
        ->type_name("");
    arguments.app()
        .add_option(
            "SETTING", texts,
            fmt::format("KEY=VALUE as in vmigrate.toml(5), of {}", fmt::join(tunable_keys(), ", ")))
        ->required()
        ->type_name("");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    const auto settings = settings_in(texts);
    if (!settings) {
        return complain(settings.error());
    }
    const SystemClock clock;
    const auto found = open_migration(*config, history::Store::Access::read_write, clock, which);
    if (!found) {
        return complain(found.error());
    }
    const auto& [store, entry] = *found;
    const auto sequence = store->request_tune(entry.id, *settings);
    if (!sequence) {
        return complain(sequence.error());
    }
    const auto answer = wait_for_answer(*store, entry, *sequence, clock);
    return answer ? report(entry, *settings, *answer, arguments.json()) : complain(answer.error());
}

}  // namespace vmigrate::cli
