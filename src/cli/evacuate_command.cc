// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/evacuate_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/detach.h"
#include "cli/evacuate.h"
#include "cli/exit_code.h"
#include "cli/fleet_keys.h"
#include "cli/report.h"

namespace vmigrate::cli {
namespace {

using history::EvacuationKind;

bool is_number(const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// As `start` takes it: a bare number is MiB/s.
Result<BytesPerSecond> rate(const std::string& text) {
    auto parsed = parse_rate(is_number(text) ? text + "MiB/s" : text);
    return parsed ? parsed : fail(ErrorKind::usage, "--bandwidth: " + parsed.error().message);
}

Result<milliseconds> deadline(const std::string& text) {
    auto parsed = parse_time(text);
    if (!parsed || parsed->count() <= 0) {
        return fail(
            ErrorKind::usage,
            fmt::format("--deadline {}: write a time from now, as in 2h or 30m", quoted(text)));
    }
    return parsed;
}

}  // namespace

EvacuateCommand::EvacuateCommand(EvacuationKind kind, Arguments& arguments) : kind_(kind) {
    auto& app = arguments.app();
    const bool evacuate = kind == EvacuationKind::evacuate;
    app.add_option("HOST", host_, "As it is called in the configuration")
        ->required()
        ->type_name("");
    auto* what = app.add_option_group("What to do");
    if (evacuate) {
        app.add_option("--to", to_, "Hosts that take the guests, as in host2,host3; default: all")
            ->type_name("HOSTS")
            ->delimiter(',')
            ->allow_extra_args(false);
        app.add_option("--label", labels_,
                       "Only hosts that have this label in the configuration; repeatable")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false);
        app.add_flag("--stop-unmovable", stop_unmovable_,
                     "Shut guests down that cannot move; default: they stay and run");
    }
    app.add_option("--max-parallel", max_parallel_, "Guests that move at the same time")
        ->type_name("COUNT")
        ->check(CLI::Range(1, 1000));
    app.add_option("--bandwidth", bandwidth_, "Limit of all moves together; a bare number is MiB/s")
        ->type_name("RATE");
    app.add_option("--deadline", deadline_, "From now; no move begins that would end later")
        ->type_name("TIME");
    app.add_option("--order", order_, "Who goes first: small-first, idle-first, priority")
        ->type_name("ORDER")
        ->check(CLI::IsMember(evacuation_orders()));
    app.add_option("--policy", policy_, "Policy from the configuration; default: default")
        ->type_name("NAME");
    what->add_flag("--dry-run", dry_run_, "Say who would go where and when; touch nothing");
    what->add_flag("--wait", wait_, "Return when it is over (default)");
    what->add_flag("--detach", detach_, "Return once it has begun; see --status and --cancel");
    what->add_flag("--status", status_, "Show how the newest one of this host stands");
    what->add_flag("--cancel", cancel_, "Let no other guest move");
    what->add_flag("--resume", resume_, "Go on with one whose process is dead");
    what->require_option(0, 1);
}

Result<EvacuationOptions> EvacuateCommand::options(const Config& config) const {
    auto options = default_options(config);
    options.kind = kind_;
    options.host = host_;
    options.to = to_;
    options.policy = policy_;
    options.stop_unmovable = stop_unmovable_;
    for (const auto& name : to_) {
        if (const auto host = config.host(name); !host) {
            return fail(host.error());
        }
        if (name == host_) {
            return fail(ErrorKind::usage,
                        fmt::format("{} is to be emptied, it takes nobody; leave it out of --to",
                                    quoted(name)));
        }
    }
    for (const auto& text : labels_) {
        auto label = parse_label(text);
        if (!label) {
            return fail(label.error());
        }
        options.labels.push_back(std::move(*label));
    }
    if (const auto policy = config.policy(policy_); !policy) {
        return fail(policy.error());
    }
    options.max_parallel = max_parallel_.value_or(options.max_parallel);
    if (bandwidth_) {
        const auto parsed = rate(*bandwidth_);
        if (!parsed) {
            return fail(parsed.error());
        }
        options.bandwidth = *parsed;
    }
    if (deadline_) {
        const auto parsed = deadline(*deadline_);
        if (!parsed) {
            return fail(parsed.error());
        }
        options.deadline = *parsed;
    }
    if (order_) {
        options.order = fleet::order_named(*order_).value_or(options.order);
    }
    return options;
}

int EvacuateCommand::run(const Arguments& arguments) {
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    if (config->hosts.empty()) {
        return complain(no_hosts(*config));
    }
    if (const auto host = config->host(host_); !host) {
        return complain(host.error());
    }
    const bool json = arguments.json();
    if (status_) {
        return show_evacuation(*config, kind_, host_, json);
    }
    if (cancel_) {
        return cancel_evacuation(*config, kind_, host_, json);
    }
    if (resume_) {
        return resume_evacuation(*config, kind_, host_, json);
    }
    const auto asked = options(*config);
    if (!asked) {
        return complain(asked.error());
    }
    if (dry_run_) {
        return plan_evacuation(*config, *asked, json);
    }
    if (!detach_) {
        return run_evacuation(*config, *asked, json, nullptr);
    }
    std::int64_t id = 0;
    const int code = run_detached(
        [&](std::function<void(std::int64_t)> begun) {
            return run_evacuation(*config, *asked, json, begun);
        },
        &id);
    if (code != kExitDone || id == 0) {
        return code;
    }
    if (json) {
        print_line({{"event", "started"}, {"id", id}});
    } else {
        fmt::print(
            "begun; see 'vmigrate {0} {1} --status', end it with 'vmigrate {0} {1} "
            "--cancel'\n",
            name_of(kind_), host_);
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
