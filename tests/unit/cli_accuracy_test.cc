// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include "cli/accuracy.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

history::Entry moved(int total_ms, int blackout_ms) {
    history::Entry entry;
    entry.id = 7;
    entry.guest.name = "web1";
    entry.policy = "default";
    entry.outcome = Outcome::moved;
    entry.expected.total = milliseconds(1000);
    entry.expected.blackout = milliseconds(100);
    entry.measures.total = milliseconds(total_ms);
    entry.measures.blackout = milliseconds(blackout_ms);
    return entry;
}

}  // namespace

TEST_CASE("met within a quarter, and within a factor of two either way") {
    const auto at = [](int total, int blackout) {
        return accuracy_of(moved(total, blackout)).value();
    };
    CHECK(at(750, 50).total_met());
    CHECK(at(750, 50).blackout_met());
    CHECK(at(1250, 200).total_met());
    CHECK(at(1250, 200).blackout_met());
    CHECK(!at(749, 49).total_met());
    CHECK(!at(749, 49).blackout_met());
    CHECK(!at(1251, 201).total_met());
    CHECK(!at(1251, 201).blackout_met());
}

TEST_CASE("only what moved, and has both, is judged") {
    auto entry = moved(1000, 100);
    entry.outcome = Outcome::failed_on_source;
    CHECK(!accuracy_of(entry));
    entry = moved(1000, 100);
    entry.outcome.reset();
    CHECK(!accuracy_of(entry));
    entry = moved(1000, 100);
    entry.expected.total.reset();
    CHECK(!accuracy_of(entry));
    entry = moved(1000, 100);
    entry.measures.blackout.reset();
    CHECK(!accuracy_of(entry));
    entry = moved(1000, 100);
    entry.expected.blackout = milliseconds(0);  // a paused guest has none
    CHECK(!accuracy_of(entry));
}

TEST_CASE("the table counts what was met") {
    auto failed = moved(1, 1);
    failed.outcome = Outcome::failed_on_source;
    auto unmeasured = moved(1000, 100);
    unmeasured.measures.blackout.reset();
    const auto text =
        accuracy_text({moved(1000, 100), moved(2000, 150), failed, unmeasured, failed});
    CHECK(text.find("total time within 25 %: 1 of 2; blackout within a factor of 2: 2 of 2\n") !=
          std::string::npos);
    CHECK(
        text.ends_with("left out: 2 that did not move (or not yet)\n"
                       "left out: 1 with no prediction or no measure of one of the two\n"));
    CHECK(accuracy_text({moved(1000, 100)}).find("left out") == std::string::npos);
    CHECK(text.find("2.00") != std::string::npos);
    CHECK(accuracy_text({failed}) == "no migration has both a prediction and measures\n");
}

TEST_CASE("the same figures in JSON") {
    const auto entry = moved(2000, 150);
    const auto json = accuracy_json(entry, accuracy_of(entry).value());
    CHECK(json["total_ratio"] == 2.0);
    CHECK(json["total_met"] == false);
    CHECK(json["blackout_us"] == 150000);
    CHECK(json["blackout_ratio"] == 1.5);
    CHECK(json["blackout_met"] == true);
}
