// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small fleets, and an evacuation whose words are written down.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/overloaded.h"
#include "fleet/evacuation.h"

namespace vmigrate::fleet::test {

constexpr BytesPerSecond kGigabit{125'000'000};

inline Host host(const std::string& name, std::uint64_t total_gib, std::uint64_t free_gib) {
    Host host;
    host.name = name;
    host.memory_total = gibibytes(total_gib);
    host.memory_free = gibibytes(free_gib);
    host.link = kGigabit;
    return host;
}

/// Sends what it has at a gigabit in about 8.6 s for each GiB, and needs a second besides.
inline Guest guest(const std::string& name, const std::string& on, std::uint64_t gib) {
    Guest guest;
    guest.uuid = "uuid-" + name;
    guest.name = name;
    guest.host = on;
    guest.memory = gibibytes(gib);
    guest.load = {gibibytes(gib), {}, milliseconds(1000)};
    return guest;
}

inline Rules of_h1() {
    Rules rules;
    rules.hosts = {"h1"};
    rules.headroom_percent = 0;
    return rules;
}

inline TimePoint at(double seconds) {
    return TimePoint(milliseconds(static_cast<int>(seconds * 1000)));
}

inline MoveEnded moved(const std::string& name) {
    return {"uuid-" + name, Outcome::moved, Trouble::none, {}};
}

inline MoveEnded failed(const std::string& name, Trouble trouble, const std::string& reason) {
    return {"uuid-" + name, Outcome::failed_on_source, trouble, reason};
}

inline std::string words_of(const Action& action) {
    const auto name = [](const std::string& uuid) { return uuid.substr(5); };
    return std::visit(
        Overloaded{[&](const StartMove& start) {
                       return fmt::format(
                           "start {} to {}{}{}{}", name(start.uuid), start.to,
                           start.bandwidth.count > 0 ? " at " + format_rate(start.bandwidth) : "",
                           start.attempt > 1 ? fmt::format(" (attempt {})", start.attempt) : "",
                           start.hurried ? " in a hurry" : "");
                   },
                   [&](const ShareBandwidth& share) {
                       return fmt::format("{} gets {}", name(share.uuid),
                                          format_rate(share.bandwidth));
                   },
                   [&](const Hurry& hurry) { return "hurry " + name(hurry.uuid); },
                   [&](const Settled& settled) { return "settled " + name(settled.uuid); }},
        action);
}

inline std::string words_of(const std::vector<Standing>& standings) {
    std::string words;
    for (const auto& standing : standings) {
        words += fmt::format("{} {}{}{}\n", standing.name, name_of(standing.state),
                             standing.to.empty() ? "" : " " + standing.to,
                             standing.reason.empty() ? "" : ": " + standing.reason);
    }
    return words;
}

/// Tells it what happens, and keeps what it says: one line for each time.
class Stage {
  public:
    Stage(const Rules& rules, const Fleet& fleet, const std::vector<Standing>& before = {})
        : evacuation(rules, fleet, at(0), before) {}

    std::string tell(double seconds, const Happening& happening) {
        std::string words;
        for (const auto& action : evacuation.happened(happening, at(seconds))) {
            words += (words.empty() ? "" : ", ") + words_of(action);
        }
        return words;
    }
    std::string begin() { return tell(0, TimePassed{}); }
    std::string verdicts() const { return words_of(evacuation.standings()); }

    Evacuation evacuation;
};

}  // namespace vmigrate::fleet::test
