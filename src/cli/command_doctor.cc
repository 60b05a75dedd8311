// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "cli/checks.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "libvirt/survey.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kPatience = seconds(5);

Result<HostFacts> ask(const libvirt::HostAccess& access) {
    auto session = libvirt::Session::open(access, kPatience);
    return session ? libvirt::survey_host(**session) : fail(session.error());
}

std::vector<HostAnswer> ask_all(const Config& config) {
    std::vector<std::future<Result<HostFacts>>> asked;
    for (const auto& host : config.hosts) {
        asked.push_back(std::async(std::launch::async, [&host] { return ask(host); }));
    }
    std::vector<HostAnswer> answers;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        answers.push_back({config.hosts[i], asked[i].get()});
    }
    return answers;
}

Check check_readable_history(const Config& config) {
    const SystemClock clock;
    const auto store = open_history(config, history::Store::Access::read_only, clock);
    const auto entries = store ? (*store)->list({}) : fail(store.error());
    if (!entries) {
        return {"history", Check::Verdict::failed, entries.error().message,
                "repair or move that file; vmigrate never deletes it"};
    }
    return check_history(config);
}

std::vector<Check> examine(const Config& config) {
    std::vector<Check> checks;
    checks.push_back(
        {"configuration",
         Check::Verdict::passed,
         fmt::format("{}: {} host(s), {} policy(s), network {}", config.path, config.hosts.size(),
                     config.policies.size(), config.network.backend),
         {}});
    checks.push_back(check_readable_history(config));
    const libvirt::EventLoop loop;
    const auto answers = ask_all(config);
    for (const auto& answer : answers) {
        const auto more = check_host(answer, answers.size() < 2);
        checks.insert(checks.end(), more.begin(), more.end());
    }
    const auto more = check_hosts_together(answers, config);
    checks.insert(checks.end(), more.begin(), more.end());
    return checks;
}

}  // namespace

int run_doctor(const Words& words) {
    Arguments arguments("doctor", "Check the configuration, and that every host answers.",
                        "vmigrate doctor\n"
                        "vmigrate doctor --config ./vmigrate.toml --json");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    if (config->hosts.empty()) {
        return complain(no_hosts(*config));
    }
    const auto checks = examine(*config);
    if (arguments.json()) {
        for (const auto& check : checks) {
            print_line(to_json(check));
        }
    } else {
        fmt::print("{}", checks_text(checks, wants_colour(stdout)));
    }
    const auto bad = std::ranges::count(checks, Check::Verdict::failed, &Check::verdict);
    if (bad > 0 && !arguments.json()) {
        fmt::print("{} check(s) failed\n", bad);
    }
    return bad > 0 ? kExitBlocked : kExitDone;
}

}  // namespace vmigrate::cli
