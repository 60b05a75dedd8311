// LINK: vmigrate_probe
// LABELS: unit threads
// SPDX-License-Identifier: GPL-2.0-or-later
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "probe/workload_file.h"
#include "temporary_folder.h"

using namespace vmigrate;
using namespace vmigrate::probe;

namespace {

struct Counter {
    TemporaryFolder folder;

    std::string path() const { return folder.file("count"); }
    void write(const std::string& text) const {
        std::ofstream(folder.file("next")) << text;
        std::filesystem::rename(folder.file("next"), path());
    }
};

std::string refusal(const std::string& path) {
    const auto started = start_workload(path);
    return started ? "none" : started.error().message;
}

}  // namespace

TEST_CASE("a counter is the whole number at the begin") {
    CHECK(counter_in("0") == 0);
    CHECK(counter_in(" 42\n") == 42);
    CHECK(counter_in("17 requests") == 17);
    CHECK(counter_in("18446744073709551615") == ~std::uint64_t{0});
    for (const auto* none : {"", "  ", "-1", "x", "18446744073709551616"}) {
        CHECK_MESSAGE(counter_in(none) == std::nullopt, none);
    }
}

TEST_CASE("what is no file with a number is said before anything begins") {
    const Counter counter;
    CHECK(refusal(counter.path()).find("No such file") != std::string::npos);
    counter.write("none");
    CHECK(refusal(counter.path()).find("whole number") != std::string::npos);
    std::filesystem::remove(counter.path());
    REQUIRE(mkfifo(counter.path().c_str(), 0600) == 0);
    CHECK(refusal(counter.path()).find("no regular file") != std::string::npos);
}

TEST_CASE("it is read again and again, passes over what cannot be read, and ends with a reading") {
    const Counter counter;
    counter.write("5");
    const auto started = start_workload(counter.path());
    REQUIRE_MESSAGE(started.has_value(), started.error().message);
    std::this_thread::sleep_for(milliseconds(350));
    counter.write("rubbish");
    std::this_thread::sleep_for(milliseconds(150));
    counter.write("9");
    const auto before_end = std::chrono::steady_clock::now();
    const auto readings = (*started)->end();
    REQUIRE(readings.size() >= 3);
    CHECK(readings.size() < 10);
    CHECK(readings.front().count == 5);
    CHECK(readings.back().count == 9);
    CHECK(readings.back().at >= before_end);
    CHECK(std::ranges::is_sorted(readings, {}, &WorkloadReading::at));
    CHECK(std::ranges::all_of(
        readings, [](const auto& reading) { return reading.count == 5 || reading.count == 9; }));
    CHECK((*started)->end().size() == readings.size());
}

TEST_CASE("one that nobody ends ends by itself, at once") {
    const Counter counter;
    counter.write("1");
    const auto begin = std::chrono::steady_clock::now();
    CHECK(start_workload(counter.path()).has_value());
    CHECK(std::chrono::steady_clock::now() - begin < seconds(5));
}
