// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/report.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {
namespace {

/// A forecast is given in whole numbers of what it can be known in.
struct Unit {
    milliseconds length;
    const char* name;
};
constexpr std::array<Unit, 3> kUnits = {
    {{seconds(1), "s"}, {std::chrono::minutes(1), "m"}, {std::chrono::hours(1), "h"}}};

/// Of a time of up to two hours minutes are told, of up to two minutes seconds.
const Unit& unit_for(milliseconds time) {
    std::size_t i = 0;
    while (i + 1 < kUnits.size() && time > 2 * kUnits[i + 1].length) {
        ++i;
    }
    return kUnits[i];
}

}  // namespace

std::string eta_text(const Forecast& forecast) {
    if (forecast.endless) {
        return "no end in sight";
    }
    if (!forecast.eta) {
        return {};
    }
    const auto low = forecast.eta_low.value_or(*forecast.eta);
    const auto high = forecast.eta_high.value_or(low);
    const auto& unit = unit_for(high);
    const auto first = std::max<std::int64_t>(1, low / unit.length);
    const auto last = std::max(first, (high + unit.length - milliseconds(1)) / unit.length);
    if (!forecast.eta_high) {
        return fmt::format("ETA {} {} or more", first, unit.name);
    }
    return first == last ? fmt::format("ETA {} {}", last, unit.name)
                         : fmt::format("ETA {}-{} {}", first, last, unit.name);
}

std::string progress_line(const Progress& progress) {
    if (progress.phase == Phase::ended) {
        return fmt::format("{:<8} {:3} %  after {}", name_of(progress.phase), progress.percent,
                           format_time(progress.elapsed));
    }
    auto text = fmt::format("{:<8} {:3} %  {} left", name_of(progress.phase), progress.percent,
                            format_bytes(progress.remaining));
    if (progress.phase == Phase::precopy || progress.phase == Phase::handover) {
        text += fmt::format("  iteration {}", progress.iteration);
    }
    if (progress.dirty_rate.count > 0) {
        text += fmt::format("  dirty {}", format_rate(progress.dirty_rate));
    }
    if (progress.bandwidth.count > 0) {
        text += fmt::format("  sending {}", format_rate(progress.bandwidth));
    }
    if (progress.throttle_percent > 0) {
        text += fmt::format("  throttled {} %", progress.throttle_percent);
    }
    if (const auto eta = eta_text(progress.forecast); !eta.empty()) {
        text += "  " + eta;
    }
    return text;
}

void TerminalStatus::started(std::int64_t id) {
    line_.print(fmt::format("migration {} started", id));
}

void TerminalStatus::progress(const Progress& progress) {
    const auto now = clock_.now();
    const bool due = !printed_ || now - *printed_ >= seconds(1) || progress.phase != shown_;
    if (line_.smart() || due) {
        line_.rewrite(progress_line(progress));
        printed_ = now;
        shown_ = progress.phase;
    }
}

void TerminalStatus::phase(Phase phase, std::string_view note) {
    // On a smart terminal the progress line names the phase soon enough.
    if (!note.empty() || !line_.smart()) {
        line_.print(note.empty() ? std::string(name_of(phase))
                                 : fmt::format("{:<8} {}", name_of(phase), note));
        printed_ = clock_.now();
        shown_ = phase;
    }
}

void TerminalStatus::notice(std::string_view text) {
    line_.print(text);
}

bool TerminalStatus::ask(std::string_view question, milliseconds time_limit) {
    if (question_ == nullptr || !question_->ask(time_limit)) {
        return false;
    }
    line_.print(fmt::format("{} [y/N, {}]", question, format_time(time_limit)));
    return true;
}

void JsonStatus::started(std::int64_t id) {
    print_line({{"event", "started"}, {"id", id}});
}

void JsonStatus::progress(const Progress& progress) {
    Json json = {{"event", "progress"}};
    json.update(to_json(progress));
    print_line(json);
}

void JsonStatus::phase(Phase phase, std::string_view note) {
    print_line({{"event", "phase"}, {"phase", name_of(phase)}, {"note", note}});
}

void JsonStatus::notice(std::string_view text) {
    print_line({{"event", "notice"}, {"text", text}});
}

}  // namespace vmigrate::cli
