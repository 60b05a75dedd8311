// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/simulation.h"

#include <doctest/doctest.h>

using namespace vmigrate;

namespace {

constexpr BytesPerSecond kRate{100 << 20};

/// 1 GiB, all of it written, at so many bytes per second from clean memory.
Scene scene_with(double dirty_per_s) {
    Scene scene;
    scene.memory = gibibytes(1);
    scene.bandwidth = kRate;
    scene.full_bandwidth = kRate;
    scene.limited = true;
    const double bytes = static_cast<double>(scene.memory.count);
    scene.writes.parts = {{bytes, dirty_per_s / bytes}};
    return scene;
}

double mebi(double count) {
    return count * 1024 * 1024;
}

}  // namespace

TEST_CASE("an idle guest is copied once, and what the limit allows is sent while it stands still") {
    const auto course = play(Options{}, scene_with(0));
    CHECK(course.fits());
    CHECK(course.iterations == 1);
    CHECK(course.sent == gibibytes(1));
    CHECK(course.flow + course.pause >= milliseconds(10'200));
    CHECK(course.flow + course.pause <= milliseconds(10'300));
    CHECK(course.pause >= milliseconds(200));
    CHECK(course.pause <= milliseconds(300));
}

TEST_CASE("the limit of the bandwidth does not hold while the guest stands still") {
    auto scene = scene_with(0);
    scene.full_bandwidth = {1000 << 20};
    const auto course = play(Options{}, scene);
    CHECK(course.pause >= milliseconds(20));
    CHECK(course.pause <= milliseconds(30));
}

TEST_CASE("a busier guest takes longer; what it dirties saturates") {
    Options options;
    milliseconds last{};
    for (const double rate : {0.0, 20.0, 50.0, 80.0}) {
        CAPTURE(rate);
        const auto course = play(options, scene_with(mebi(rate)));
        CHECK(course.fits());
        CHECK(course.flow > last);
        last = course.flow;
    }
    // However often a hot part of 20 MiB is written, it fits.
    auto scene = scene_with(0);
    scene.writes.parts = {{mebi(20), 1000}, {mebi(1004), 0}};
    CHECK(play(options, scene).fits());
}

TEST_CASE("compression shortens what is sent, not what has to fit") {
    auto scene = scene_with(0);
    scene.wire_share = 0.5;
    const auto course = play(Options{}, scene);
    CHECK(course.sent == mebibytes(512));
    CHECK(course.flow <= milliseconds(5'100));
    CHECK(course.pause <= milliseconds(150));  // remaining pages count as they are
}

TEST_CASE("zero pages take hardly any time") {
    auto scene = scene_with(0);
    scene.writes.parts = {{mebi(256), 0}};
    const auto course = play(Options{}, scene);
    CHECK(course.sent == mebibytes(256));
    CHECK(course.flow <= milliseconds(2'600));
}

TEST_CASE("who writes more than is sent ends by the throttle only, and the figures show it") {
    auto scene = scene_with(mebi(150));
    CHECK(!play(Options{}, scene).fits());
    scene.throttle = ThrottleMeans::value;
    const auto course = play(Options{}, scene);
    CHECK(course.fits());
    CHECK(course.throttle_percent_max >= 50);
    CHECK(course.throttled > milliseconds(0));
    CHECK(course.flow < milliseconds(60'000));
    scene.throttle = ThrottleMeans::auto_converge;  // which takes effect an iteration later
    const auto later = play(Options{}, scene);
    CHECK(later.fits());
    CHECK(later.flow >= course.flow);
    scene.throttle = ThrottleMeans::none;
    scene.auto_converge = true;  // by QEMU itself, step by step
    const auto stepwise = play(Options{}, scene);
    CHECK(stepwise.throttle_percent_max > 0);
}

TEST_CASE("a throttle that needs 99 percent costs the time that the policy holds it") {
    Options options;
    options.throttle_direct_within = milliseconds(60'000);
    options.blackout_ceiling = milliseconds(100);
    options.downtime_limit = milliseconds(50);
    auto scene = scene_with(mebi(900));
    scene.throttle = ThrottleMeans::value;
    const auto course = play(options, scene);
    CHECK(course.throttle_percent_max == 99);
    CHECK(course.throttled >= options.throttle_hold);
}

TEST_CASE("the last resorts end it, each in its own way") {
    Options options;
    options.timeout_action = TimeoutAction::force;
    auto scene = scene_with(mebi(300));
    const auto forced = play(options, scene);
    CHECK(forced.end == Course::End::forced);
    CHECK(forced.pause > options.blackout_ceiling);
    options.timeout_action = TimeoutAction::postcopy;
    options.postcopy = true;
    const auto postcopy = play(options, scene);
    CHECK(postcopy.end == Course::End::postcopy);
    CHECK(postcopy.after > milliseconds(1000));
    options.timeout = milliseconds(2000);
    CHECK(play(options, scene).flow < milliseconds(2500));
}

TEST_CASE("hot memory that is sent late is not sent again and again") {
    auto scene = scene_with(0);
    scene.writes.parts = {{mebi(150), 5}, {mebi(874), 0.05}};
    const auto at_once = play(Options{}, scene);
    scene.delay_percent = 30;
    const auto late = play(Options{}, scene);
    CHECK(late.sent < at_once.sent);
}
