// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet
// LABELS: unit
#include <doctest/doctest.h>

#include "fleet/move_time.h"
#include "orchestrator/simulation.h"

using namespace vmigrate;
using namespace vmigrate::fleet;

namespace {

constexpr BytesPerSecond kRate{100'000'000};

Load load(std::uint64_t megabytes, std::uint64_t dirty_megabytes) {
    return {{megabytes * 1'000'000}, {dirty_megabytes * 1'000'000}, milliseconds(700)};
}

double seconds_of(milliseconds time) {
    return static_cast<double>(time.count()) / 1000;
}

}  // namespace

TEST_CASE("an idle guest is sent once") {
    const auto time = move_time(load(2'000, 0), kRate);
    CHECK(time.sending == milliseconds(20'000));
    CHECK(time.total() == milliseconds(20'700));
    CHECK(time.sent == Bytes{2'000'000'000});
    CHECK(!time.throttled);
}

TEST_CASE("what becomes dirty makes a geometric series") {
    // 1 / (1 - 0.1), nearly: little of the memory is written twice
    const auto time = move_time(load(100'000, 10), kRate);
    CHECK(seconds_of(time.sending) == doctest::Approx(1'105).epsilon(0.01));
    CHECK(!time.throttled);
}

TEST_CASE("who writes more than can be sent is throttled, and sooner in a hurry") {
    const auto slow = move_time(load(2'000, 500), kRate);
    const auto hurried = move_time(load(2'000, 500), kRate, true);
    CHECK(slow.throttled);
    CHECK(hurried.throttled);
    CHECK(hurried.sending < slow.sending);
    CHECK(seconds_of(slow.sending) < 3.5 * 20);
}

TEST_CASE("more bandwidth never makes it longer, nor more to send") {
    for (const std::uint64_t dirty : {0U, 5U, 50U, 200U, 3'000U}) {
        auto before = move_time(load(4'000, dirty), {1'000'000});
        for (std::uint64_t rate = 2'000'000; rate < 10'000'000'000; rate *= 2) {
            const auto time = move_time(load(4'000, dirty), {rate});
            CHECK(time.sending <= before.sending);
            before = time;
        }
    }
}

TEST_CASE("nothing to send, no bandwidth known") {
    CHECK(move_time(load(0, 100), kRate).sending == milliseconds(0));
    CHECK(move_time(load(125, 0), {}).sending == milliseconds(1'000));
}

TEST_CASE("within a tenth of what a move played with the real policies takes") {
    for (const double dirty_share : {0.0, 0.1, 0.3, 0.6, 0.8, 1.5, 3.0}) {
        Scene scene;
        scene.memory = Bytes{4'000'000'000};
        scene.writes.parts = {{4e9, dirty_share * 1e8 / 4e9}};
        scene.bandwidth = scene.full_bandwidth = kRate;
        scene.throttle = ThrottleMeans::value;
        const Options options;
        const auto course = play(options, scene);
        const auto time =
            move_time({scene.memory, {static_cast<std::uint64_t>(dirty_share * 1e8)}, {}}, kRate);
        INFO("dirty ", dirty_share, ": played ", (course.flow + course.pause).count(),
             " ms, estimated ", time.sending.count(), " ms");
        CHECK(seconds_of(time.sending) ==
              doctest::Approx(seconds_of(course.flow + course.pause)).epsilon(0.1));
    }
}

TEST_CASE("within a tenth also where the guest writes to a part of its memory") {
    for (const double hot : {0.05, 0.2, 0.5}) {
        for (const double dirty_share : {0.3, 1.5}) {
            Scene scene;
            scene.memory = Bytes{4'000'000'000};
            const double written = dirty_share * 1e8;
            scene.writes.parts = {{hot * 4e9, 0.9 * written / (hot * 4e9)},
                                  {(1 - hot) * 4e9, 0.1 * written / ((1 - hot) * 4e9)}};
            scene.bandwidth = scene.full_bandwidth = kRate;
            scene.throttle = ThrottleMeans::value;
            const auto course = play(Options(), scene);
            Load load{scene.memory, {static_cast<std::uint64_t>(written)}, {}};
            const auto blind = move_time(load, kRate);
            load.hot = {static_cast<std::uint64_t>(hot * 4e9)};
            load.hot_writes = 0.9;
            const auto time = move_time(load, kRate);
            INFO("hot ", hot, ", dirty ", dirty_share, ": played ",
                 (course.flow + course.pause).count(), " ms, estimated ", time.sending.count(),
                 " ms");
            CHECK(seconds_of(time.sending) ==
                  doctest::Approx(seconds_of(course.flow + course.pause)).epsilon(0.1));
            CHECK(time.sending < blind.sending);
        }
    }
}

TEST_CASE("disks are sent once, before") {
    auto with_disks = load(1'000, 10);
    with_disks.disks = {500'000'000};
    const auto without = move_time(load(1'000, 10), kRate);
    const auto time = move_time(with_disks, kRate);
    CHECK(time.sending == without.sending + milliseconds(5'000));
    CHECK(time.sent == without.sent + with_disks.disks);
    CHECK(move_time({{0}, {0}, {}, {100'000'000}}, kRate).sending == milliseconds(1'000));
}

TEST_CASE("a journey takes as long as is said at its beginning, however it is looked at") {
    Journey journey(load(1'000, 10));
    const auto whole = journey.left(kRate);
    CHECK(whole == move_time(load(1'000, 10), kRate).total());
    CHECK(!journey.sending());
    CHECK(journey.until_sending() == milliseconds(700));
    journey.advance(milliseconds(700), kRate);
    CHECK(journey.sending());
    for (int i = 0; i < 10; ++i) {
        journey.advance(milliseconds(100), kRate);
    }
    CHECK(journey.left(kRate) == whole - milliseconds(1'700));
    journey.advance(whole, kRate);
    CHECK(journey.left(kRate) == milliseconds(0));
}

TEST_CASE("half the bandwidth for the second half of an idle guest") {
    Journey journey(Load{{1'000'000'000}, {}, {}});
    journey.advance(milliseconds(5'000), kRate);
    CHECK(journey.left({kRate.count / 2}) == milliseconds(10'000));
}
