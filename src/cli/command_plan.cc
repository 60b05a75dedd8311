// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/planning.h"
#include "cli/report.h"
#include "cli/request_options.h"
#include "cli/terminal.h"

namespace vmigrate::cli {

int run_plan(const Words& words) {
    Arguments arguments("plan", "Say whether and how a guest would move; nothing is touched.",
                        "vmigrate plan web1\n"
                        "vmigrate plan web1 --to host2 --set blackout-ceiling=500ms\n"
                        "vmigrate plan web1 --policy night --json");
    RequestOptions options(arguments.app());
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    const auto request = options.request(*config);
    if (!request) {
        return complain(request.error());
    }
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_only, clock);
    if (!store) {
        return complain(store.error());
    }
    const libvirt::EventLoop loop;
    const auto planned = plan_migration(*config, *request, **store, options.measured());
    if (!planned) {
        return complain(planned.error());
    }
    if (arguments.json()) {
        print_line(to_json(planned->plan));
    } else {
        fmt::print("{}", plan_text(planned->plan, wants_colour(stdout)));
    }
    return exit_code(planned->plan);
}

}  // namespace vmigrate::cli
