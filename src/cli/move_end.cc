// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/move_end.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/exit_code.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {
namespace {

using fleet::Trouble;

/// Checks of `vmigrate plan` that pass or fail with the guest, wherever it is to go.
constexpr std::array<std::string_view, 2> kOfTheGuest = {"devices", "definition"};
/// Checks that will pass once somebody else is ready.
constexpr std::array<std::string_view, 4> kOfTheMoment = {"guest-idle", "guest-state", "lease",
                                                          "history"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

std::string first_line(const std::string& text) {
    auto line = text.substr(0, text.find('\n'));
    constexpr std::string_view kName = "vmigrate: ";
    return line.starts_with(kName) ? line.substr(kName.size()) : line;
}

struct FailedCheck {
    std::string name;
    std::string finding;
};

/// Of the plan that `start` prints when it refuses to carry it out.
std::vector<FailedCheck> failed_checks(const std::string& output) {
    std::vector<FailedCheck> failed;
    const auto plan = Json::parse(output.substr(0, output.find('\n')), nullptr, false);
    if (!plan.is_object() || !plan.contains("checks") || !plan["checks"].is_array()) {
        return failed;
    }
    for (const auto& check : plan["checks"]) {
        if (check.is_object() && check.value("verdict", "") == name_of(Check::Verdict::failed)) {
            failed.push_back({check.value("name", ""), check.value("finding", "")});
        }
    }
    return failed;
}

/// The worst of them decides: what holds for the guest, then for this host, then for now.
Trouble trouble_of(const std::vector<FailedCheck>& failed) {
    const auto any = [&](auto which) { return std::ranges::any_of(failed, which); };
    if (any([](const FailedCheck& check) { return is_one_of(kOfTheGuest, check.name); })) {
        return Trouble::guest;
    }
    const bool destination =
        any([](const FailedCheck& check) { return !is_one_of(kOfTheMoment, check.name); });
    return destination ? Trouble::destination : Trouble::passing;
}

/// It ended before anything was touched.
fleet::MoveEnded never_began(const std::string& uuid, const MoveTrace& trace) {
    fleet::MoveEnded ended{uuid, Outcome::failed_on_source, Trouble::passing,
                           first_line(trace.errors)};
    const auto code = trace.exit_code.value_or(kExitInterrupted);
    if (code == kExitBlocked) {
        const auto failed = failed_checks(trace.output);
        ended.trouble = trouble_of(failed);
        if (!failed.empty()) {
            ended.reason = fmt::format("{}: {}", failed.front().name, failed.front().finding);
        }
        if (!trace.destination_answers) {
            ended.trouble = Trouble::destination;
        }
    } else if (code == kExitUsage) {
        ended.trouble = Trouble::guest;
    }
    if (ended.reason.empty()) {
        ended.reason = "its process ended before the move began";
    }
    return ended;
}

}  // namespace

fleet::MoveEnded move_ended(const std::string& uuid, const MoveTrace& trace) {
    if (!trace.entry) {
        return never_began(uuid, trace);
    }
    const auto& entry = *trace.entry;
    if (!entry.outcome) {
        return {uuid, Outcome::unknown, Trouble::none,
                fmt::format("migration {0} has no outcome: run 'vmigrate recover {0}'", entry.id)};
    }
    fleet::MoveEnded ended{uuid, *entry.outcome, Trouble::none, entry.reason};
    if (*entry.outcome == Outcome::moved_with_problems && ended.reason.empty()) {
        ended.reason = fmt::format("{}", fmt::join(entry.problems, "; "));
    } else if (*entry.outcome == Outcome::failed_on_source) {
        const bool by_a_person =
            entry.interrupted || entry.reason.find("vmigrate abort") != std::string::npos;
        ended.trouble = by_a_person                  ? Trouble::guest
                        : !trace.destination_answers ? Trouble::destination
                                                     : Trouble::passing;
    }
    return ended;
}

}  // namespace vmigrate::cli
