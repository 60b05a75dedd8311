// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace vmigrate::cli {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// A live migration is good below the first bounds of these, and bad above the last.
constexpr std::array blackout_bounds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
constexpr std::array duration_bounds{1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0};

template <class Duration>
double in_seconds(Duration time) {
    return std::chrono::duration<double>(time).count();
}

double as_number(std::uint64_t count) {
    return static_cast<double>(count);
}

std::string escaped(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\n') {
            text += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') {
            text += '\\';
        }
        text += c;
    }
    return text;
}

/// One metric after the other, each with its help and type.
class Page {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help,
                       type);
    }
    void value(double value, const Labels& labels = {}, std::string_view suffix = "") {
        text_ += name_;
        text_ += suffix;
        for (std::size_t i = 0; i < labels.size(); ++i) {
            text_ += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first,
                                 escaped(labels[i].second));
        }
        text_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", value);
    }
    void gauge(std::string_view name, std::string_view help, double number) {
        family(name, "gauge", help);
        value(number);
    }
    void counter(std::string_view name, std::string_view help, double number) {
        family(name, "counter", help);
        value(number);
    }
    void histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                   const std::vector<double>& values) {
        family(name, "histogram", help);
        double sum = 0;
        for (const double one : values) {
            sum += one;
        }
        for (const double bound : bounds) {
            const auto below =
                std::ranges::count_if(values, [bound](double one) { return one <= bound; });
            value(static_cast<double>(below), {{"le", fmt::format("{}", bound)}}, "_bucket");
        }
        value(static_cast<double>(values.size()), {{"le", "+Inf"}}, "_bucket");
        value(sum, {}, "_sum");
        value(static_cast<double>(values.size()), {}, "_count");
    }
    std::string take() { return std::move(text_); }

  private:
    std::string_view name_;
    std::string text_;
};

bool has_moved(const history::Entry& entry) {
    return entry.outcome == Outcome::moved || entry.outcome == Outcome::moved_with_problems;
}

template <class Holds>
double number_of(const std::vector<history::Entry>& entries, Holds holds) {
    return static_cast<double>(std::ranges::count_if(entries, holds));
}

/// Of those that have the figure; `of` gives it or nothing.
template <class Of>
std::vector<double> figures(const std::vector<history::Entry>& entries, Of of) {
    std::vector<double> all;
    for (const auto& entry : entries) {
        if (const std::optional<double> one = of(entry)) {
            all.push_back(*one);
        }
    }
    return all;
}

template <class Of>
double sum_of(const std::vector<history::Entry>& entries, Of of) {
    double sum = 0;
    for (const double one : figures(entries, of)) {
        sum += one;
    }
    return sum;
}

template <class Time>
std::optional<double> in_seconds(const std::optional<Time>& time) {
    return time ? std::optional(in_seconds(*time)) : std::nullopt;
}

void outcomes(Page& page, const std::vector<history::Entry>& all) {
    page.family("vmigrate_migrations_total", "counter", "Migrations that have ended, by outcome.");
    for (const auto outcome : {Outcome::moved, Outcome::moved_with_problems,
                               Outcome::failed_on_source, Outcome::unknown}) {
        page.value(number_of(all, [&](const auto& one) { return one.outcome == outcome; }),
                   {{"outcome", std::string(name_of(outcome))}});
    }
    page.gauge("vmigrate_migrations_running", "Migrations under way.",
               number_of(all, [](const auto& one) { return !one.outcome && one.holder_alive; }));
    page.gauge("vmigrate_migrations_abandoned",
               "Migrations without an end whose process is gone: vmigrate recover.",
               number_of(all, [](const auto& one) { return !one.outcome && !one.holder_alive; }));
    std::optional<WallTime> last;
    for (const auto& one : all) {
        last = std::max(last, one.ended);
    }
    if (last) {
        page.gauge("vmigrate_last_migration_timestamp_seconds",
                   "When the last migration ended, since the epoch.",
                   in_seconds(last->time_since_epoch()));
    }
}

void effects(Page& page, const std::vector<history::Entry>& all) {
    page.histogram("vmigrate_blackout_seconds", "Time in which the guest ran nowhere.",
                   blackout_bounds, figures(all, [](const auto& one) {
                       return has_moved(one) ? in_seconds(one.measures.blackout) : std::nullopt;
                   }));
    page.counter("vmigrate_blackout_over_ceiling_total",
                 "Migrations whose blackout was above the policy's ceiling.",
                 number_of(all, [](const auto& one) {
                     return one.measures.blackout &&
                            *one.measures.blackout > one.expected.blackout_ceiling;
                 }));
    page.histogram("vmigrate_duration_seconds",
                   "From the call until the destination ran the guest with all its memory.",
                   duration_bounds, figures(all, [](const auto& one) {
                       return has_moved(one) ? in_seconds(one.measures.total) : std::nullopt;
                   }));
    page.family("vmigrate_sent_bytes_total", "counter", "What migrations have sent, by kind.");
    page.value(sum_of(all,
                      [](const auto& one) -> std::optional<double> {
                          return as_number(one.measures.memory_sent.value_or(Bytes{}).count);
                      }),
               {{"kind", "memory"}});
    page.value(sum_of(all,
                      [](const auto& one) -> std::optional<double> {
                          return as_number(one.measures.disk_sent.value_or(Bytes{}).count);
                      }),
               {{"kind", "disk"}});
    page.counter("vmigrate_throttled_seconds_total",
                 "Time in which guests were throttled so that they would converge.",
                 sum_of(all, [](const auto& one) { return in_seconds(one.measures.throttled); }));
}

void network(Page& page, const std::vector<history::Entry>& all, WallTime now) {
    const auto is = [](const history::Entry& one, DrainState state) {
        return one.drain && one.drain->report.state == state;
    };
    page.gauge("vmigrate_relays", "Moved guests whose old host still relays to them.",
               number_of(all, [&](const auto& one) { return is(one, DrainState::draining); }));
    std::optional<WallTime> oldest;
    for (const auto& one : all) {
        if (is(one, DrainState::draining)) {
            oldest = std::min(oldest.value_or(one.drain->began), one.drain->began);
        }
    }
    page.gauge("vmigrate_relay_oldest_seconds", "Age of the oldest relay; 0 without one.",
               oldest ? std::max(0.0, in_seconds(now - *oldest)) : 0);
    page.counter("vmigrate_relay_alarms_total",
                 "Relays that were still needed when they should not have been.",
                 number_of(all, [&](const auto& one) { return is(one, DrainState::alarm); }));
    page.counter("vmigrate_relayed_packets_total", "Packets that old hosts have relayed.",
                 sum_of(all, [](const auto& one) -> std::optional<double> {
                     return one.drain ? std::optional(as_number(one.drain->report.relayed_packets))
                                      : std::nullopt;
                 }));
}

void evacuations(Page& page, const std::vector<history::EvacuationEntry>& all) {
    const auto number = [&](bool alive) {
        return static_cast<double>(
            std::ranges::count(all, alive, &history::EvacuationEntry::holder_alive));
    };
    page.gauge("vmigrate_evacuations_running", "Hosts that are being emptied or filled again.",
               number(true));
    page.gauge("vmigrate_evacuations_abandoned",
               "The same, but the process is gone: vmigrate evacuate --resume.", number(false));
}

}  // namespace

std::string metrics_text(const MetricsSource& source) {
    Page page;
    page.family("vmigrate_build_info", "gauge", "1, with the version of vmigrate.");
    page.value(1, {{"version", std::string(source.version)}});
    outcomes(page, source.migrations);
    effects(page, source.migrations);
    network(page, source.migrations, source.now);
    evacuations(page, source.evacuations);
    return page.take();
}

}  // namespace vmigrate::cli
