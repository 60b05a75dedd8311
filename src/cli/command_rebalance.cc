// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/fleet_survey.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "fleet/rebalance.h"

namespace vmigrate::cli {
namespace {

void print_text(const fleet::Rebalance& found) {
    std::vector<std::vector<std::string>> rows = {{"GUEST", "FROM", "TO", "TAKES", "EFFECT"}};
    std::string commands;
    for (const auto& move : found.moves) {
        rows.push_back(
            {quoted(move.name), move.from, move.to, format_time(move.expected), move.effect});
        commands += fmt::format("  vmigrate start --from {} --to {} -- {}\n", move.from, move.to,
                                move.uuid);
    }
    if (found.moves.empty()) {
        fmt::print("no move would help (imbalance {:.1f} %)\n", found.imbalance_before);
        return;
    }
    fmt::print("{}imbalance {:.1f} %, afterwards {:.1f} %\nTo carry it out:\n{}", table(rows),
               found.imbalance_before, found.imbalance_after, commands);
}

void print_json(const fleet::Rebalance& found) {
    for (const auto& move : found.moves) {
        print_line({{"event", "proposed"},
                    {"guest", move.name},
                    {"guest_uuid", move.uuid},
                    {"source", move.from},
                    {"destination", move.to},
                    {"expected_ms", move.expected.count()},
                    {"effect", move.effect}});
    }
    print_line({{"event", "result"},
                {"moves", found.moves.size()},
                {"imbalance_before_percent", found.imbalance_before},
                {"imbalance_after_percent", found.imbalance_after}});
}

}  // namespace

int run_rebalance(const Words& words) {
    Arguments arguments("rebalance", "Propose moves that even out what the hosts carry.",
                        "vmigrate rebalance --dry-run\n"
                        "vmigrate rebalance --dry-run --most-moves 5 --json");
    bool dry_run = false;
    std::string policy = "default";
    fleet::RebalanceRules rules;
    auto& app = arguments.app();
    app.add_flag("--dry-run", dry_run, "Only propose; there is nothing else so far");
    app.add_option("--most-moves", rules.most_moves, "Propose no more than these; default: 20")
        ->type_name("COUNT")
        ->check(CLI::Range(1, 1000));
    app.add_option("--policy", policy, "Policy that guests would move by; default: default")
        ->type_name("NAME");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    if (!dry_run) {
        print_error("rebalance only proposes moves, and makes none: add --dry-run");
        return kExitUsage;
    }
    if (config->hosts.empty()) {
        return complain(no_hosts(*config));
    }
    const auto options = config->policy(policy);
    if (!options) {
        return complain(options.error());
    }
    FleetWish wish;
    wish.request.policy = policy;
    wish.request.options = *options;
    wish.all = true;
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_only, clock);
    if (!store) {
        return complain(store.error());
    }
    const libvirt::EventLoop loop;
    FleetSurvey survey(*config, std::move(wish));
    const auto found = survey.survey(**store);
    if (!found) {
        return complain(found.error());
    }
    for (const auto& text : survey.silent()) {
        print_error(text);
    }
    const auto proposals = fleet::rebalance(*found, rules);
    if (arguments.json()) {
        print_json(proposals);
    } else {
        print_text(proposals);
    }
    return survey.silent().empty() ? kExitDone : kExitBlocked;
}

}  // namespace vmigrate::cli
