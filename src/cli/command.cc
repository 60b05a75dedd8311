// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "cli/exit_code.h"

namespace vmigrate::cli {
namespace {

constexpr std::array<Command, 19> kCommands = {{
    {"plan", "Say whether and how a guest would move", run_plan},
    {"start", "Move a guest", run_start},
    {"evacuate", "Move all guests away from a host", run_evacuate},
    {"restore", "Bring home whom an evacuation has moved away", run_restore},
    {"rebalance", "Propose moves that even out what the hosts carry", run_rebalance},
    {"status", "Show or follow migrations that have not ended", run_status},
    {"tune", "Change a migration while it runs", run_tune},
    {"abort", "End a migration before its switchover", run_abort},
    {"recover", "Bring a migration to its end whose process died", run_recover},
    {"history", "List migrations", run_history},
    {"show", "Tell everything about one migration", run_show},
    {"report", "Write a page with charts of one migration, or of many", run_report},
    {"metrics", "Print what the history says as metrics, for Prometheus", run_metrics},
    {"net", "Turn the network by hand, or look at what was turned", run_net},
    {"hook", "Answer libvirt's hook for guests that others move", run_hook},
    {"hosts", "Show the hosts, their health and features", run_hosts},
    {"verify", "Move a guest to and fro that checks its memory and disks", run_verify},
    {"doctor", "Check configuration and hosts", run_doctor},
    {"version", "Print the version", run_version},
}};

void print_help() {
    fmt::print(
        "Moves running virtual machines between libvirt/QEMU hosts.\n\n"
        "Usage: vmigrate COMMAND [OPTIONS] ...\n\nCommands:\n");
    for (const auto& command : kCommands) {
        fmt::print("  {:<9} {}\n", command.name, command.summary);
    }
    fmt::print(
        "\n'vmigrate COMMAND --help' has options and examples.\n"
        "Examples:\n"
        "  vmigrate doctor\n"
        "  vmigrate plan web1\n"
        "  vmigrate start web1 --to host2\n"
        "  vmigrate evacuate host1 --dry-run\n");
}

/// `--config FILE` and `--json` may stand before the command, too.
Words leading_options(Words& words) {
    Words leading;
    while (!words.empty() && (words.front() == "--json" || words.front().starts_with("--config"))) {
        const std::size_t count = words.front() == "--config" && words.size() > 1 ? 2 : 1;
        const auto end = words.begin() + static_cast<std::ptrdiff_t>(count);
        leading.insert(leading.end(), words.begin(), end);
        words.erase(words.begin(), end);
    }
    return leading;
}

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

int run_command_line(Words words) {
    Words options = leading_options(words);
    const std::string name = words.empty() ? "" : words.front();
    if (name == "--help" || name == "-h" || (name == "help" && words.size() == 1)) {
        print_help();
        return kExitDone;
    }
    if (name == "help") {
        return run_command_line({words[1], "--help"});
    }
    if (name == "--version") {
        return run_version({});
    }
    const auto* const found = std::ranges::find(kCommands, name, &Command::name);
    if (found != kCommands.end()) {
        options.insert(options.end(), words.begin() + 1, words.end());
        return found->run(options);
    }
    Words known;
    for (const auto& command : kCommands) {
        known.emplace_back(command.name);
    }
    const auto near = nearest(name, known);
    print_error(name.empty() ? "which command? see vmigrate --help"
                : near ? fmt::format("unknown command {}; did you mean '{}'?", quoted(name), *near)
                       : fmt::format("unknown command {}; see vmigrate --help", quoted(name)));
    return kExitUsage;
}

Result<std::unique_ptr<history::Store>> open_history(const Config& config,
                                                     history::Store::Access access,
                                                     const Clock& clock) {
    return history::Store::open(config.history_path, access, clock);
}

Result<history::Entry> find_migration(history::Store& store, const std::string& word) {
    std::int64_t id = 0;
    const auto* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, id);
    if (error == std::errc() && stop == end) {
        auto entry = store.find(id);
        if (entry || entry.error().kind != ErrorKind::not_found) {
            return entry;
        }
    }
    for (const bool unfinished : {true, false}) {
        history::Filter filter;
        filter.guest = word;
        filter.unfinished = unfinished;
        filter.limit = 1;
        auto entries = store.list(filter);
        if (!entries) {
            return fail(entries.error());
        }
        if (!entries->empty()) {
            return entries->front();
        }
    }
    return fail(ErrorKind::not_found,
                fmt::format("no migration {}; 'vmigrate history' lists them", quoted(word)));
}

Result<FoundMigration> open_migration(const Config& config, history::Store::Access access,
                                      const Clock& clock, const std::string& word) {
    auto store = open_history(config, access, clock);
    if (!store) {
        return fail(std::move(store.error()));
    }
    auto entry = find_migration(**store, word);
    if (!entry) {
        return fail(std::move(entry.error()));
    }
    return FoundMigration{std::move(*store), std::move(*entry)};
}

std::string describe(const history::Entry& entry) {
    return fmt::format("migration {} of {} from {} to {}", entry.id, quoted(entry.guest.name),
                       entry.source, entry.destination);
}

}  // namespace vmigrate::cli
