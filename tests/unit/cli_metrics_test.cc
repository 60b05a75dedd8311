// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include "cli/metrics.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

constexpr WallTime noon{std::chrono::hours(480000)};

history::Entry ended(Outcome outcome, int blackout_ms, int total_ms) {
    history::Entry entry;
    entry.outcome = outcome;
    entry.ended = noon;
    entry.expected.blackout_ceiling = milliseconds(500);
    entry.measures.blackout = milliseconds(blackout_ms);
    entry.measures.total = milliseconds(total_ms);
    entry.measures.memory_sent = mebibytes(3);
    return entry;
}

bool has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("an empty history has all counters, at 0") {
    const auto text = metrics_text({{}, {}, noon, "1.2"});
    CHECK(has(text, "vmigrate_build_info{version=\"1.2\"} 1"));
    CHECK(has(text, "vmigrate_migrations_total{outcome=\"moved\"} 0"));
    CHECK(has(text, "vmigrate_migrations_total{outcome=\"unknown\"} 0"));
    CHECK(has(text, "vmigrate_blackout_seconds_bucket{le=\"+Inf\"} 0"));
    CHECK(has(text, "vmigrate_relay_oldest_seconds 0"));
    CHECK(text.find("vmigrate_last_migration") == std::string::npos);
}

TEST_CASE("outcomes, and a bucket holds all that is not above it") {
    const auto text = metrics_text(
        {{ended(Outcome::moved, 10, 1000), ended(Outcome::moved_with_problems, 600, 61000),
          ended(Outcome::failed_on_source, 3000, 5)},
         {},
         noon,
         "1"});
    CHECK(has(text, "vmigrate_migrations_total{outcome=\"moved\"} 1"));
    CHECK(has(text, "vmigrate_migrations_total{outcome=\"moved-with-problems\"} 1"));
    CHECK(has(text, "vmigrate_migrations_total{outcome=\"failed-on-source\"} 1"));
    CHECK(has(text, "vmigrate_blackout_seconds_bucket{le=\"0.01\"} 1"));
    CHECK(has(text, "vmigrate_blackout_seconds_bucket{le=\"0.5\"} 1"));
    CHECK(has(text, "vmigrate_blackout_seconds_bucket{le=\"1\"} 2"));
    CHECK(has(text, "vmigrate_blackout_seconds_bucket{le=\"+Inf\"} 2"));
    CHECK(has(text, "vmigrate_blackout_seconds_sum 0.61"));
    CHECK(has(text, "vmigrate_blackout_seconds_count 2"));
    CHECK(has(text, "vmigrate_duration_seconds_bucket{le=\"60\"} 1"));
    CHECK(has(text, "vmigrate_duration_seconds_sum 62"));
    // that the guest stood still is told of those that failed as well
    CHECK(has(text, "vmigrate_blackout_over_ceiling_total 2"));
    CHECK(has(text, "vmigrate_sent_bytes_total{kind=\"memory\"} 9437184"));
    CHECK(has(text, "vmigrate_last_migration_timestamp_seconds 1728000000"));
}

TEST_CASE("what was not measured is not counted as nothing") {
    auto entry = ended(Outcome::moved, 0, 0);
    entry.measures.blackout.reset();
    const auto text = metrics_text({{entry}, {}, noon, "1"});
    CHECK(has(text, "vmigrate_blackout_seconds_count 0"));
    CHECK(has(text, "vmigrate_duration_seconds_count 1"));
}

TEST_CASE("who is under way, and whose process is gone") {
    history::Entry running;
    running.holder_alive = true;
    history::EvacuationEntry evacuation;
    const auto text = metrics_text({{running, history::Entry()}, {evacuation}, noon, "1"});
    CHECK(has(text, "vmigrate_migrations_running 1"));
    CHECK(has(text, "vmigrate_migrations_abandoned 1"));
    CHECK(has(text, "vmigrate_evacuations_running 0"));
    CHECK(has(text, "vmigrate_evacuations_abandoned 1"));
}

TEST_CASE("relays: the oldest of those that are there, alarms, packets") {
    const auto drained = [](DrainState state, int age_s, std::uint64_t packets) {
        auto entry = ended(Outcome::moved, 10, 1000);
        entry.drain.emplace();
        entry.drain->report.state = state;
        entry.drain->report.relayed_packets = packets;
        entry.drain->began = noon - std::chrono::seconds(age_s);
        return entry;
    };
    const auto text =
        metrics_text({{drained(DrainState::draining, 7, 1), drained(DrainState::draining, 90, 2),
                       drained(DrainState::drained, 900, 4), drained(DrainState::alarm, 900, 8)},
                      {},
                      noon,
                      "1"});
    CHECK(has(text, "vmigrate_relays 2"));
    CHECK(has(text, "vmigrate_relay_oldest_seconds 90"));
    CHECK(has(text, "vmigrate_relay_alarms_total 1"));
    CHECK(has(text, "vmigrate_relayed_packets_total 15"));
}
