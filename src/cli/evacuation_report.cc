// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/evacuation_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

using State = fleet::Standing::State;

bool is_state(const history::EvacuationGuest& guest, State state) {
    return guest.state == fleet::name_of(state);
}

unsigned retries(unsigned attempts) {
    return attempts > 0 ? attempts - 1 : 0;
}

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

template <class T>
std::string time_or_dash(const std::optional<T>& time) {
    return time ? format_time(std::chrono::duration_cast<milliseconds>(*time)) : "-";
}

Json standing_json(const char* event, const fleet::Standing& guest) {
    return {{"event", event},
            {"guest", guest.name},
            {"guest_uuid", guest.uuid},
            {"source", guest.from},
            {"destination", guest.to.empty() ? Json(nullptr) : Json(guest.to)}};
}

void say(const std::string& text) {
    fmt::print(stderr, "{}\n", text);
}

}  // namespace

int exit_code(const std::vector<history::EvacuationGuest>& guests, bool by_signal) {
    unsigned moved = 0;
    unsigned with_problems = 0;
    unsigned stayed = 0;
    unsigned attempts = 0;
    for (const auto& guest : guests) {
        if (is_state(guest, State::unknown) || is_state(guest, State::moving)) {
            return kExitUnknown;
        }
        const bool problems = is_state(guest, State::moved_with_problems);
        with_problems += problems ? 1 : 0;
        if (problems || is_state(guest, State::moved)) {
            ++moved;
        } else if (!is_state(guest, State::left) && guest.state != kStopped) {
            ++stayed;
        }
        attempts += guest.attempts;
    }
    if (by_signal) {
        return kExitInterrupted;
    }
    if (stayed == 0) {
        return with_problems > 0 ? kExitProblems : kExitDone;
    }
    return moved > 0 ? kExitPartly : attempts > 0 ? kExitStays : kExitBlocked;
}

std::string evacuation_table(const std::vector<GuestEnd>& ends) {
    std::vector<std::vector<std::string>> rows = {
        {"GUEST", "FROM", "TO", "OUTCOME", "TOTAL", "BLACKOUT", "NETWORK GAP", "RETRIES"}};
    std::string reasons;
    for (const auto& [guest, migration] : ends) {
        const auto measures = migration ? migration->measures : Measures{};
        rows.push_back({quoted(guest.guest.name), guest.from, or_dash(guest.to), guest.state,
                        time_or_dash(measures.total), time_or_dash(measures.blackout), "-",
                        fmt::format("{}", retries(guest.attempts))});
        if (!guest.reason.empty()) {
            reasons += fmt::format("{}: {}\n", quoted(guest.guest.name), guest.reason);
        }
    }
    return table(rows) + reasons;
}

Json to_json(const GuestEnd& end) {
    const auto& [guest, migration] = end;
    const auto measures = migration ? migration->measures : Measures{};
    Json json = {{"event", "guest"},
                 {"guest", guest.guest.name},
                 {"guest_uuid", guest.guest.uuid},
                 {"source", guest.from},
                 {"destination", guest.to.empty() ? Json(nullptr) : Json(guest.to)},
                 {"outcome", guest.state},
                 {"reason", guest.reason},
                 {"retries", retries(guest.attempts)},
                 {"migration", migration ? Json(migration->id) : Json(nullptr)},
                 {"network_gap_us", nullptr}};
    json.update(to_json(measures));
    return json;
}

std::string forecast_text(const fleet::EvacuationForecast& forecast) {
    std::vector<std::vector<std::string>> rows = {{"GUEST", "FROM", "TO", "BEGINS", "ENDS"}};
    std::string reasons;
    for (const auto& guest : forecast.guests) {
        const auto& standing = guest.standing;
        const bool moves = guest.ends.has_value();
        rows.push_back({quoted(standing.name), standing.from,
                        moves ? or_dash(standing.to) : std::string("-"),
                        guest.begins ? "after " + format_time(*guest.begins) : "-",
                        moves ? "after " + format_time(*guest.ends) : "stays"});
        if (!guest.reason.empty()) {
            reasons += fmt::format("{}: {}\n", quoted(standing.name), guest.reason);
        }
    }
    return table(rows) + reasons + forecast.summary + "\n";
}

Json to_json(const fleet::GuestForecast& guest) {
    auto json = standing_json("planned", guest.standing);
    json["moves"] = guest.ends.has_value();
    json["begins_ms"] = guest.begins ? Json(guest.begins->count()) : Json(nullptr);
    json["ends_ms"] = guest.ends ? Json(guest.ends->count()) : Json(nullptr);
    json["hurried"] = guest.hurried;
    json["in_time"] = guest.in_time;
    json["reason"] = guest.reason;
    return json;
}

int exit_code(const fleet::EvacuationForecast& forecast) {
    const auto& guests = forecast.guests;
    const auto moves = [](const fleet::GuestForecast& guest) { return guest.ends.has_value(); };
    const auto late = [](const fleet::GuestForecast& guest) {
        return (guest.ends && !guest.in_time) || guest.standing.state == State::late;
    };
    if (std::ranges::any_of(guests, late)) {
        return kExitDiverges;
    }
    if (std::ranges::all_of(guests, moves)) {
        return kExitDone;
    }
    return std::ranges::any_of(guests, moves) ? kExitPartly : kExitBlocked;
}

void TextView::begins(const fleet::Standing& guest, const fleet::StartMove& move) {
    say(fmt::format(
        "{}: {} to {} begins{}{}", quoted(guest.name), guest.from, move.to,
        move.attempt > 1 ? fmt::format(", attempt {}", move.attempt) : "",
        move.expected.count() > 0 ? fmt::format(", {} expected", format_time(move.expected)) : ""));
}

void TextView::tries_again(const fleet::Standing& guest, const std::string& reason) {
    say(fmt::format("{}: did not move, will be tried again: {}", quoted(guest.name), reason));
}

void TextView::settled(const fleet::Standing& guest) {
    const bool moved = guest.state == State::moved || guest.state == State::moved_with_problems;
    say(fmt::format("{}: {}{}{}", quoted(guest.name), fleet::name_of(guest.state),
                    moved ? " to " + guest.to : "",
                    guest.reason.empty() ? "" : ": " + guest.reason));
}

void TextView::notice(const std::string& text) {
    say(text);
}

void JsonView::begins(const fleet::Standing& guest, const fleet::StartMove& move) {
    auto json = standing_json("begins", guest);
    json["destination"] = move.to;
    json["attempt"] = move.attempt;
    json["bandwidth_bytes_per_s"] = move.bandwidth.count;
    json["expected_ms"] = move.expected.count();
    print_line(json);
}

void JsonView::tries_again(const fleet::Standing& guest, const std::string& reason) {
    auto json = standing_json("tries-again", guest);
    json["reason"] = reason;
    print_line(json);
}

void JsonView::settled(const fleet::Standing& guest) {
    auto json = standing_json("settled", guest);
    json["outcome"] = fleet::name_of(guest.state);
    json["reason"] = guest.reason;
    print_line(json);
}

void JsonView::notice(const std::string& text) {
    print_line({{"event", "notice"}, {"text", text}});
}

}  // namespace vmigrate::cli
