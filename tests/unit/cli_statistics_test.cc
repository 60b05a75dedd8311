// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>

#include "cli/csv.h"
#include "cli/moment.h"
#include "cli/statistics.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

history::Entry ended(const std::string& from, const std::string& policy, Outcome outcome,
                     int blackout_ms) {
    history::Entry entry;
    entry.source = from;
    entry.destination = "b";
    entry.policy = policy;
    entry.outcome = outcome;
    entry.measures.blackout = milliseconds(blackout_ms);
    entry.measures.total = milliseconds(10 * blackout_ms);
    return entry;
}

WallTime at(const std::string& text) {
    const WallTime now{std::chrono::hours(480000)};
    const auto moment = parse_moment("--since", text, now);
    REQUIRE_MESSAGE(moment.has_value(), text);
    return *moment;
}

}  // namespace

TEST_CASE("percentiles are values that occurred, by nearest rank") {
    std::vector<microseconds> values;
    for (int i = 100; i >= 1; --i) {
        values.emplace_back(i);
    }
    const auto hundred = spread_of(values);
    CHECK(hundred.median == microseconds(50));
    CHECK(hundred.p95 == microseconds(95));
    CHECK(hundred.p99 == microseconds(99));
    const auto two = spread_of({microseconds(9), microseconds(4)});
    CHECK(two.median == microseconds(4));
    CHECK(two.p95 == microseconds(9));
    const auto one = spread_of({microseconds(7)});
    CHECK(one.median == microseconds(7));
    CHECK(one.p99 == microseconds(7));
    CHECK(!spread_of({}).median);
}

TEST_CASE("by hosts and policy; what did not move is counted, and its times are not") {
    auto running = ended("a", "default", Outcome::moved, 1);
    running.outcome.reset();
    const auto all = statistics_of({ended("c", "default", Outcome::moved, 8),
                                    ended("a", "gentle", Outcome::failed_on_source, 1000),
                                    ended("a", "default", Outcome::moved, 20),
                                    ended("a", "default", Outcome::moved_with_problems, 30),
                                    ended("a", "default", Outcome::unknown, 4000), running});
    REQUIRE(all.size() == 3);
    CHECK(all[0].source == "a");
    CHECK(all[0].policy == "default");
    CHECK(all[0].migrations == 3);
    CHECK(all[0].moved == 2);
    CHECK(all[0].blackout.p99 == milliseconds(30));
    CHECK(all[0].total.median == milliseconds(200));
    CHECK(all[1].policy == "gentle");
    CHECK(all[1].moved == 0);
    CHECK(!all[1].blackout.median);
    CHECK(statistics_json(all[1])["blackout_median_us"].is_null());
    CHECK(statistics_json(all[0])["blackout_p99_us"] == 30000);
    CHECK(statistics_json(all[0])["total_median_ms"] == 200);
    CHECK(statistics_text(all).find("20 ms / 30 ms / 30 ms") != std::string::npos);
    CHECK(statistics_text({}) == "no migrations\n");
}

TEST_CASE("a line has a field for each name, whatever is in them") {
    const auto heading = csv_heading();
    const auto columns = std::ranges::count(heading, ',');
    CHECK(heading.starts_with("id,guest,guest_uuid,source,"));
    CHECK(std::ranges::count(csv_line(history::Entry()), ',') == columns);
    auto entry = ended("a", "default", Outcome::moved, 5);
    entry.id = 3;
    entry.guest.name = "w\"e,b";
    entry.problems = {"one", "two"};
    const auto line = csv_line(entry);
    CHECK(line.starts_with("3,\"w\"\"e,b\","));
    CHECK(line.find(",one; two,") != std::string::npos);
    CHECK(line.find(",5000,") != std::string::npos);
    CHECK(line.ends_with("\n"));
}

TEST_CASE("a moment is a date in UTC or an age") {
    CHECK(format_wall(at("2024-10-04")) == "2024-10-04T00:00:00.000Z");
    CHECK(format_wall(at("2024-10-04T10:20")) == "2024-10-04T10:20:00.000Z");
    CHECK(format_wall(at("2024-10-04T10:20:30Z")) == "2024-10-04T10:20:30.000Z");
    CHECK(at("2d") == at("48h"));
    CHECK(at("90s") == at("0d") - std::chrono::seconds(90));
    for (const auto* bad : {"", "yesterday", "2024-13-01", "2024-02-30", "7", "-1d", "d", "7d2"}) {
        const auto moment = parse_moment("--until", bad, WallTime());
        REQUIRE_MESSAGE(!moment.has_value(), bad);
        CHECK(moment.error().kind == ErrorKind::usage);
        CHECK(moment.error().message.starts_with("--until '"));
    }
}
