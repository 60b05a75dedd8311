// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/course_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "cli/terminal.h"

namespace vmigrate::cli {
namespace {

constexpr std::size_t kColumns = 60;
constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> kAscii = {"_", ".", ":", "-", "=", "+", "*", "#"};

struct Point {
    milliseconds at{};
    double value = 0;
};

struct Line {
    std::string name;
    std::vector<Point> points;  ///< in the order of time
    std::function<std::string(double)> text;
};

std::string as_bytes(double value) {
    return format_bytes({static_cast<std::uint64_t>(value)});
}

std::string as_rate(double value) {
    return format_rate({static_cast<std::uint64_t>(value)});
}

std::string as_percent(double value) {
    return fmt::format("{:.0f} %", value);
}

milliseconds elapsed(TimePoint at) {
    return std::chrono::floor<milliseconds>(at.time_since_epoch());
}

/// `of` gives nothing where a sample does not know.
std::vector<Point> sampled(const history::Story& story,
                           const std::function<std::optional<double>(const Sample&)>& of) {
    std::vector<Point> points;
    for (const auto& row : story.samples) {
        if (const auto value = of(row.sample)) {
            points.push_back({row.elapsed, *value});
        }
    }
    return points;
}

std::vector<Point> work_per_second(const std::vector<WorkloadReading>& readings) {
    std::vector<Point> points;
    for (std::size_t i = 1; i < readings.size(); ++i) {
        const auto& [at, count] = readings[i];
        const auto& before = readings[i - 1];
        if (at > before.at && count >= before.count) {
            const std::chrono::duration<double> time = at - before.at;
            points.push_back(
                {elapsed(at), static_cast<double>(count - before.count) / time.count()});
        }
    }
    return points;
}

std::vector<Point> percent_lost(const std::vector<ProbeSlice>& slices) {
    std::vector<Point> points;
    for (const auto& slice : slices) {
        if (slice.sent > 0) {
            points.push_back({elapsed(slice.at), 100.0 * static_cast<double>(slice.lost) /
                                                     static_cast<double>(slice.sent)});
        }
    }
    return points;
}

std::vector<Line> lines_of(const history::Story& story) {
    const auto bytes = [](const auto& size) { return static_cast<double>(size.count); };
    const auto maybe = [bytes](const auto& size) {
        return size ? std::optional(bytes(*size)) : std::nullopt;
    };
    return {
        {"memory left", sampled(story, [&](auto& s) { return bytes(s.memory_remaining); }),
         as_bytes},
        {"disks left", sampled(story, [&](auto& s) { return bytes(s.disk_remaining); }), as_bytes},
        {"memory that waits", sampled(story, [&](auto& s) { return maybe(s.memory_delayed()); }),
         as_bytes},
        {"dirty rate", sampled(story, [&](auto& s) { return bytes(s.dirty_rate); }), as_rate},
        {"bandwidth", sampled(story, [&](auto& s) { return bytes(s.bandwidth); }), as_rate},
        {"throttle", sampled(story, [](auto& s) { return double(s.throttle_percent); }),
         as_percent},
        {"limit of writes", sampled(story, [&](auto& s) { return maybe(s.write_limit); }), as_rate},
        {"work", work_per_second(story.watched.workload),
         [](double value) { return fmt::format("{:.0f}/s", value); }},
        {"echoes lost", percent_lost(story.watched.probe), as_percent},
    };
}

double highest_of(const std::vector<Point>& points) {
    double highest = 0;
    for (const auto& point : points) {
        highest = std::max(highest, point.value);
    }
    return highest;
}

/// The highest in each column; where nothing was read between two readings, the earlier one.
std::vector<std::optional<double>> columns_of(const std::vector<Point>& points, milliseconds end) {
    std::vector<std::optional<double>> columns(kColumns);
    std::size_t filled = 0;
    for (const auto& [at, value] : points) {
        if (at.count() < 0) {
            continue;
        }
        const auto column = std::min<std::size_t>(
            kColumns - 1, static_cast<std::size_t>(at.count()) * kColumns /
                              static_cast<std::size_t>(std::max<std::int64_t>(1, end.count())));
        const auto held = filled > 0 ? columns[filled - 1] : std::nullopt;
        for (; filled <= column; ++filled) {
            columns[filled] = filled < column ? held : std::nullopt;
        }
        columns[column] = std::max(columns[column].value_or(value), value);
    }
    return columns;
}

}  // namespace

Bars bars_of_locale() {
    for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') {
            continue;
        }
        std::string locale(value);
        std::ranges::transform(locale, locale.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos
                   ? Bars::blocks
                   : Bars::ascii;
    }
    return Bars::ascii;
}

std::string sparkline(const std::vector<std::optional<double>>& heights, double highest,
                      Bars bars) {
    const auto& levels = bars == Bars::blocks ? kBlocks : kAscii;
    std::string line;
    for (const auto& height : heights) {
        if (!height) {
            line += ' ';
            continue;
        }
        constexpr double kHighest = kBlocks.size() - 1;
        const double share = highest > 0 ? std::clamp(*height / highest, 0.0, 1.0) : 0.0;
        line += levels[static_cast<std::size_t>(std::lround(share * kHighest))];
    }
    return line;
}

std::string course_text(const history::Story& story, Bars bars) {
    const auto lines = lines_of(story);
    milliseconds end{};
    for (const auto& line : lines) {
        end = line.points.empty() ? end : std::max(end, line.points.back().at);
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& line : lines) {
        if (const double highest = highest_of(line.points); highest > 0) {
            rows.push_back({line.name, sparkline(columns_of(line.points, end), highest, bars),
                            "at most " + line.text(highest)});
        }
    }
    if (rows.empty()) {
        return {};
    }
    const auto to = format_time(end);
    rows.push_back({"", fmt::format("0{:>{}}", to, kColumns - 1), ""});
    return table(rows, "  ");
}

}  // namespace vmigrate::cli
