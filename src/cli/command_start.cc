// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <unistd.h>

#include "cli/carry_out.h"
#include "cli/command.h"
#include "cli/detach.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/planning.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/request_options.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "probe/echo_probe.h"
#include "probe/workload_file.h"

namespace vmigrate::cli {
namespace {

/// `entry` is what the history has; null when it cannot be read.
void report(const Record& record, const Json& plan, bool json, const history::Entry* entry) {
    if (json) {
        Json result = {{"event", "result"}};
        result.update(to_json(record));
        result["drain"] = entry != nullptr ? drain_json(*entry) : Json(nullptr);
        print_line(result);
        return;
    }
    fmt::print("{}", outcome_text(record, plan));
    if (entry != nullptr && entry->drain) {
        fmt::print("network: {}\n", drain_text(*entry));
    }
    fmt::print("{}", measures_text(record.measures, plan));
    std::fflush(stdout);
}

/// What `start` has beside the request.
struct Manner {
    bool json = false;
    bool wait_drain = false;
    std::string probe;     ///< address to ask while the guest moves; empty: none
    std::string workload;  ///< file with a counter of what the guest gets done; empty: none
    std::optional<Measured> measured;  ///< lately, and not to be measured again
};

/// What an option has to start; null when it was not given.
template <class T>
Result<std::unique_ptr<T>> started(std::string_view option, const std::string& value,
                                   Result<std::unique_ptr<T>> (*start)(const std::string&)) {
    if (value.empty()) {
        return nullptr;
    }
    auto result = start(value);
    if (!result) {
        return fail(result.error().kind,
                    fmt::format("{}: {}; nothing was touched", option, result.error().message));
    }
    return result;
}

/// Plans and runs; `detached` is set in the child of --detach and takes the migration's id.
int migrate(const Config& config, const Request& request, const Manner& manner,
            const std::function<void(std::int64_t)>& detached) {
    const bool json = manner.json;
    EventQueue events;
    Interrupts interrupts;
    const SystemClock clock;
    auto store = open_history(config, history::Store::Access::read_write, clock);
    if (!store) {
        return complain(store.error());
    }
    // Early: what it does before the guest moves is what it is compared with.
    const auto workload = started("--workload", manner.workload, probe::start_workload);
    if (!workload) {
        return complain(workload.error());
    }
    const libvirt::EventLoop loop;
    const auto planned = plan_migration(config, request, **store, manner.measured);
    if (!planned) {
        return complain(planned.error());
    }
    const auto& plan = planned->plan;
    if (exit_code(plan) != kExitDone) {
        return refuse(plan, json);
    }
    const auto probe = started("--probe", manner.probe, probe::start_echo);
    if (!probe) {
        return complain(probe.error());
    }
    const auto plan_json = to_json(plan);
    if (json) {
        Json event = {{"event", "plan"}};
        event.update(plan_json);
        print_line(event);
    } else {
        fmt::print(stderr, "{}", plan_summary(plan));
    }

    TerminalLine line(stderr);
    std::optional<TerminalQuestion> question;
    if (!detached && !json && TerminalQuestion::possible()) {
        question.emplace(STDIN_FILENO, events);
    }
    TerminalStatus terminal_status(line, clock, question ? &*question : nullptr);
    JsonStatus json_status;
    DetachedStatus detached_status(detached);
    Status& status = detached ? static_cast<Status&>(detached_status)
                     : json   ? static_cast<Status&>(json_status)
                              : terminal_status;
    const auto record = carry_out(*planned, {config, **store, events, interrupts, status, clock,
                                             manner.wait_drain, probe->get(), workload->get()});
    line.end();
    if (!record) {
        return complain(record.error());
    }
    const auto entry = (*store)->find(record->id);
    report(*record, plan_json, json, entry ? &*entry : nullptr);
    return exit_code(*record);
}

}  // namespace

int run_start(const Words& words) {
    Arguments arguments("start", "Move a guest to another host.",
                        "vmigrate start web1\n"
                        "vmigrate start web1 --to host2 --bandwidth 500\n"
                        "vmigrate start web1 --to host2 --set blackout-ceiling=500ms --detach\n"
                        "vmigrate start -- '-odd name'");
    RequestOptions options(arguments.app());
    bool detach = false;
    Manner manner;
    arguments.app().add_flag("--detach", detach,
                             "Return once it has started; see status --watch and abort");
    arguments.app().add_flag("--wait-drain", manner.wait_drain,
                             "Return only when the source relays no more for the guest");
    arguments.app()
        .add_option("--probe", manner.probe,
                    "Ask this address each millisecond while the guest moves; count what is lost")
        ->type_name("IP");
    arguments.app()
        .add_option("--workload", manner.workload,
                    "Read a counter of what the guest gets done from this file meanwhile")
        ->type_name("FILE");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    manner.json = arguments.json();
    manner.measured = options.measured();
    const auto request = options.request(*config);
    if (!request) {
        return complain(request.error());
    }
    if (!detach) {
        return migrate(*config, *request, manner, nullptr);
    }
    std::int64_t id = 0;
    const int code = run_detached(
        [&](std::function<void(std::int64_t)> started) {
            return migrate(*config, *request, manner, started);
        },
        &id);
    if (code != kExitDone) {
        return code;
    }
    if (arguments.json()) {
        print_line({{"event", "started"}, {"id", id}});
    } else {
        fmt::print(
            "migration {} started; follow it with 'vmigrate status {} --watch', end it with "
            "'vmigrate abort {}'\n",
            id, id, id);
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
