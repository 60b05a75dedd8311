// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include "cli/course_text.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

/// 61 samples a second apart: half of the memory, then none of it, remains.
history::Story minute() {
    history::Story story;
    for (int second = 0; second <= 60; ++second) {
        auto& row = story.samples.emplace_back();
        row.elapsed = seconds(second);
        row.sample.memory_remaining = second < 30 ? mebibytes(200) : mebibytes(0);
        row.sample.bandwidth = BytesPerSecond{mebibytes(10).count};
    }
    return story;
}

/// The line that begins with `name`; empty when there is none.
std::string line_of(const std::string& text, const std::string& name) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("  " + name) == 0) {
            return line;
        }
    }
    return {};
}

std::string times(const std::string& bar, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += bar;
    }
    return text;
}

TimePoint at(int ms) {
    return TimePoint(milliseconds(ms));
}

}  // namespace

TEST_CASE("bars are as high as what they stand for") {
    CHECK(sparkline({0.0, 1.0, 3.5, 7.0}, 7, Bars::blocks) == "▁▂▅█");
    CHECK(sparkline({0.0, 1.0, 3.5, 7.0}, 7, Bars::ascii) == "_.=#");
    CHECK(sparkline({1.0, std::nullopt, 2.0}, 2, Bars::ascii) == "= #");
    CHECK(sparkline({0.0, 0.0}, 0, Bars::ascii) == "__");
    CHECK(sparkline({9.0, -1.0}, 2, Bars::ascii) == "#_");
}

TEST_CASE("a line for what was not 0 all the time, over the whole time, with the most it was") {
    const auto text = course_text(minute(), Bars::ascii);
    CHECK(line_of(text, "memory left")
              .find(times("#", 30) + times("_", 30) + "  at most 200.0 MiB") != std::string::npos);
    CHECK(line_of(text, "bandwidth").find(times("#", 60) + "  at most 10.0 MiB/s") !=
          std::string::npos);
    for (const auto* none : {"disks left", "memory that waits", "dirty rate", "throttle",
                             "limit of writes", "work", "echoes lost"}) {
        CHECK_MESSAGE(line_of(text, none).empty(), none);
    }
    CHECK(text.find("  0  ") != std::string::npos);
    CHECK(text.find(format_time(seconds(60)) + "\n") != std::string::npos);
    CHECK(course_text(minute(), Bars::blocks).find(times("█", 30) + times("▁", 30)) !=
          std::string::npos);
    CHECK(course_text({}, Bars::ascii).empty());
}

TEST_CASE("what only some samples know begins where it is known, and holds in between") {
    auto story = minute();
    story.samples[30].sample.write_limit = BytesPerSecond{mebibytes(4).count};
    story.samples[45].sample.write_limit = BytesPerSecond{mebibytes(2).count};
    story.samples[20].sample.delayed = DelayedMemory{.active = true, .dirty = mebibytes(8)};
    story.samples[22].sample.delayed = DelayedMemory{.active = false, .dirty = mebibytes(8)};
    story.samples[40].sample.throttle_percent = 80;
    const auto text = course_text(story, Bars::ascii);
    CHECK(line_of(text, "limit of writes").find(" " + times("#", 15) + "=") != std::string::npos);
    CHECK(line_of(text, "limit of writes").find("at most 4.0 MiB/s") != std::string::npos);
    CHECK(line_of(text, "memory that waits").find(" ##_ ") != std::string::npos);
    CHECK(line_of(text, "throttle").find("_#_") != std::string::npos);
    CHECK(line_of(text, "throttle").find("at most 80 %") != std::string::npos);
}

TEST_CASE("work is per second, losses are percent; before the begin there are no bars") {
    auto story = minute();
    for (int ms = -2000; ms <= 60'000; ms += 100) {
        // 1000 a second before, 400 afterwards
        const auto count = ms <= 0 ? 2000 + ms : 2000 + ms * 4 / 10;
        story.watched.workload.push_back({at(ms), static_cast<std::uint64_t>(count)});
    }
    story.watched.probe = {{at(-500), milliseconds(500), 500, 500},
                           {at(0), milliseconds(30'000), 1000, 0},
                           {at(30'000), milliseconds(100), 100, 25},
                           {at(31'000), milliseconds(100), 0, 0},
                           {at(32'000), milliseconds(28'000), 1000, 0}};
    const auto text = course_text(story, Bars::ascii);
    CHECK(line_of(text, "work").find("#" + times("-", 59)) != std::string::npos);
    CHECK(line_of(text, "work").find("at most 1000/s") != std::string::npos);
    CHECK(line_of(text, "echoes lost").find("_::_") != std::string::npos);
    CHECK(line_of(text, "echoes lost").find("at most 100 %") != std::string::npos);
}

TEST_CASE("bars are blocks where the locale is one of UTF-8") {
    const auto in = [](const char* all, const char* type, const char* lang) {
        setenv("LC_ALL", all, 1);
        setenv("LC_CTYPE", type, 1);
        setenv("LANG", lang, 1);
        return bars_of_locale();
    };
    CHECK(in("", "", "de_DE.UTF-8") == Bars::blocks);
    CHECK(in("", "C.utf8", "C") == Bars::blocks);
    CHECK(in("C", "", "de_DE.UTF-8") == Bars::ascii);
    CHECK(in("", "", "") == Bars::ascii);
}
