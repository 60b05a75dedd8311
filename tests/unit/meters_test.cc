// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <random>

#include "orchestrator/measure_book.h"

using namespace vmigrate;

namespace {

TimePoint mono(double ms) {
    return TimePoint(microseconds(static_cast<std::int64_t>(ms * 1000)));
}
WallTime wall(double ms) {
    return WallTime(microseconds(static_cast<std::int64_t>(ms * 1000)));
}

}  // namespace

TEST_CASE("the blackout does not depend on the hosts' clocks or on one late event") {
    // True times 1000 and 1040; source clock +5000, destination clock -3000; fastest delivery 0.5.
    BlackoutMeter meter;
    meter.saw(Side::source, {wall(5000 + 900), mono(900.5)});
    meter.saw(Side::destination, {wall(950 - 3000), mono(950.5)});
    meter.stopped({wall(5000 + 1000), mono(1300)});  // delivered 300 ms late
    meter.resumed({wall(1040 - 3000), mono(1043)});
    REQUIRE(meter.blackout());
    CHECK(*meter.blackout() == milliseconds(40));
}

TEST_CASE("without stamps the arrival counts") {
    BlackoutMeter meter;
    meter.stopped({std::nullopt, mono(100)});
    CHECK(!meter.blackout());
    meter.resumed({wall(7), mono(150)});
    CHECK(*meter.blackout() == milliseconds(50));
}

TEST_CASE("progress never goes back and is not over before the end") {
    std::mt19937 random(7);
    for (int round = 0; round < 100; ++round) {
        ProgressMeter meter(mono(0), gibibytes(1), gibibytes(4));
        unsigned last = 0;
        for (int i = 0; i < 50; ++i) {
            Sample sample;
            sample.at = mono(i * 100.0);
            sample.iteration = static_cast<std::uint32_t>(i / 20);
            sample.memory_total = {random() % 2 * gibibytes(1).count};
            sample.memory_remaining = {random() % (sample.memory_total.count + 1)};
            sample.disk_total = {random() % 2 * gibibytes(4).count};
            sample.disk_remaining = {random() % (sample.disk_total.count + 1)};
            const auto shown = meter.update(i < 45 ? Phase::precopy : Phase::handover, sample, {});
            CHECK(shown.percent >= last);
            CHECK(shown.percent < 100);
            last = shown.percent;
        }
        CHECK(meter.finished(Phase::ended, mono(9000)).percent == 100);
    }
}

TEST_CASE("progress counts disks that are still to come") {
    ProgressMeter meter(mono(0), gibibytes(1), gibibytes(3));
    Sample sample;
    sample.disk_total = gibibytes(3);
    sample.disk_remaining = gibibytes(1);
    meter.update(Phase::precopy, sample, {});
    CHECK(meter.update(Phase::precopy, sample, {}).percent == 50);
    sample.disk_remaining = {};  // it cannot be
    CHECK(meter.update(Phase::precopy, sample, {}).percent == 50);
    sample.disk_remaining = mebibytes(900);
    CHECK(meter.update(Phase::precopy, sample, {}).percent == 53);
}

TEST_CASE("measures: what never came is null") {
    MeasureBook book;
    const auto nothing = book.result(true);
    CHECK(!nothing.total);
    CHECK(!nothing.blackout);
    CHECK(!nothing.memory_sent);
    CHECK(!nothing.guest_speed);
    CHECK(!nothing.write_limited);
    CHECK(!nothing.write_limit_min);

    book.called(mono(0));
    book.active(mono(500));
    Sample sample;
    sample.at = mono(600);
    sample.memory_sent = mebibytes(100);
    sample.throttle_percent = 20;
    book.sampled(sample);
    sample.at = mono(1600);
    sample.memory_sent = mebibytes(200);
    sample.throttle_percent = 0;
    book.sampled(sample);
    book.writes_limited({300}, mono(1700));
    book.writes_limited({200}, mono(2000));
    book.stopped({std::nullopt, mono(2500)});
    book.resumed({std::nullopt, mono(2530)});
    const auto measures = book.result(true);
    CHECK(*measures.write_limited == milliseconds(800));
    CHECK(*measures.write_limit_min == BytesPerSecond{200});
    CHECK(*measures.setup == milliseconds(500));
    CHECK(*measures.total == milliseconds(2530));
    CHECK(*measures.blackout == milliseconds(30));
    CHECK(*measures.throttled == seconds(1));
    CHECK(measures.throttle_percent_max == 20);
    CHECK(measures.bandwidth_mean->count == mebibytes(100).count);

    // by post-copy it runs there before all of it is there
    book.postcopy();
    book.returned(mono(4000));
    CHECK(*book.result(true).total == milliseconds(4000));
    CHECK(*book.result(true).blackout == milliseconds(30));
}

TEST_CASE("guest speed compares vCPU time before and during") {
    SpeedMeter meter;
    const CpuUse zero;
    meter.before(zero, mono(0), {milliseconds(1200), milliseconds(1000)}, mono(1000));
    meter.during({milliseconds(1200), milliseconds(1000)}, mono(1000));
    meter.during({milliseconds(3000), milliseconds(2000)}, mono(3000));
    REQUIRE(meter.guest_speed());
    CHECK(*meter.guest_speed() == doctest::Approx(0.5));
    CHECK(*meter.process_beside_vcpus() == milliseconds(800));

    SpeedMeter idle;
    idle.before(zero, mono(0), zero, mono(1000));
    idle.during(zero, mono(1000));
    idle.during(zero, mono(3000));
    CHECK(!idle.guest_speed());
}

namespace {

/// It grows by `fast` a second, from 2 s on by `slow`, read every 100 ms from 0 to 6 s.
std::vector<WorkloadReading> readings(std::uint64_t fast, std::uint64_t slow) {
    std::vector<WorkloadReading> list;
    std::uint64_t count = 1000;
    for (int ms = 0; ms <= 6000; ms += 100) {
        list.push_back({mono(ms), count});
        count += (ms < 2000 ? fast : slow) / 10;
    }
    return list;
}

}  // namespace

TEST_CASE("the speed of the work compares what its counter grew by before and meanwhile") {
    const auto half = readings(1000, 500);
    CHECK(*workload_speed(half, mono(2000), mono(5000)) == doctest::Approx(0.5));
    // between two readings, 50 ms of which it was slow before
    CHECK(*workload_speed(half, mono(2050), mono(5050)) ==
          doctest::Approx(500 / (2025 / 2.05)).epsilon(0.0001));
    CHECK(*workload_speed(half, mono(2000), mono(60000)) == doctest::Approx(0.5));
    CHECK(*workload_speed(readings(1000, 1000), mono(2000), mono(5000)) == doctest::Approx(1.0));
    CHECK(*workload_speed(readings(1000, 0), mono(2000), mono(5000)) == doctest::Approx(0.0));
}

TEST_CASE("a counter that tells nothing of the work has no speed") {
    CHECK(!workload_speed({}, mono(2000), mono(5000)));
    CHECK(!workload_speed(readings(0, 500), mono(2000), mono(5000)));
    CHECK(!workload_speed(readings(1000, 500), mono(400), mono(5000)));   // too short before
    CHECK(!workload_speed(readings(1000, 500), mono(2000), mono(2400)));  // and meanwhile
    CHECK(!workload_speed(readings(1000, 500), mono(-100), mono(5000)));
    CHECK(!workload_speed(readings(1000, 500), mono(7000), mono(8000)));
    auto again = readings(1000, 500);
    again[40].count = 0;  // counted from nothing again
    CHECK(!workload_speed(again, mono(2000), mono(5000)));
}

TEST_CASE("work is compared until the guest runs there with all its memory, or the call returned") {
    const auto half = readings(1000, 500);
    MeasureBook book;
    CHECK(!book.workload_speed(half));
    book.called(mono(2000));
    CHECK(!book.workload_speed(half));
    book.returned(mono(5000));
    CHECK(*book.workload_speed(half) == doctest::Approx(0.5));
    book.resumed({std::nullopt, mono(2400)});
    CHECK(!book.workload_speed(half));  // too short
    book.postcopy();
    CHECK(*book.workload_speed(half) == doctest::Approx(0.5));
}
