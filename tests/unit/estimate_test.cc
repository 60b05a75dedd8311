// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/estimate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

using namespace vmigrate;

namespace {

constexpr double kMiB = 1 << 20;
constexpr milliseconds kLimit{300};
constexpr milliseconds kLongest{950};

/// A migration as QEMU does it, in steps of 10 ms, with its reading errors. Rates are MiB/s.
class Simulation {
  public:
    std::function<double(double)> bandwidth = [](double) { return 100.0; };
    std::function<double(double)> dirty = [](double) { return 0.0; };
    double noise = 0;  ///< share by which a reading may be wrong

    explicit Simulation(double memory) : memory_(memory), left_(memory) {}

    /// Until the next look, or the beginning of an iteration; false when it has switched over.
    bool go(milliseconds look) {
        const double until = time_ + static_cast<double>(look.count()) / 1e3;
        while (time_ < until) {
            time_ += 0.01;
            left_ = std::max(0.0, left_ - bandwidth(time_) * 0.01);
            dirtied_ = std::min(memory_, dirtied_ + dirty(time_) * 0.01);
            if (left_ > bandwidth(time_) * 0.3) {
                continue;
            }
            left_ += dirtied_;
            dirtied_ = 0;
            if (left_ <= bandwidth(time_) * 0.3) {
                time_ += left_ / bandwidth(time_);
                return false;
            }
            ++iteration_;
            break;
        }
        return true;
    }

    double time() const { return time_; }

    Sample sample() {
        Sample sample;
        sample.at = TimePoint(microseconds(static_cast<std::int64_t>(time_ * 1e6)));
        sample.job = JobState::active;
        sample.iteration = iteration_;
        sample.memory_total = {static_cast<std::uint64_t>(memory_ * kMiB)};
        sample.memory_remaining = {static_cast<std::uint64_t>(left_ * kMiB)};
        sample.bandwidth = {static_cast<std::uint64_t>(bandwidth(time_) * wrong() * kMiB)};
        return sample;
    }

  private:
    double wrong() { return 1 + noise * std::uniform_real_distribution<double>(-1, 1)(random_); }

    std::mt19937 random_{42};
    double memory_;
    double left_;
    double dirtied_ = 0;
    double time_ = 0;
    std::uint32_t iteration_ = 0;
};

Expectation nothing_known(double memory) {
    return {Bytes{static_cast<std::uint64_t>(memory * kMiB)}, {}, std::nullopt};
}

struct Told {
    double at;
    Forecast forecast;
};

std::vector<Told> follow(Simulation& world, Estimator& estimator) {
    std::vector<Told> told;
    bool goes_on = true;
    while (goes_on && world.time() < 300) {
        estimator.add(world.sample());
        told.push_back({world.time(), estimator.forecast(kLimit, kLongest)});
        goes_on = world.go(milliseconds(250));
    }
    return told;
}

double in_seconds(std::optional<milliseconds> time) {
    REQUIRE(time);
    return static_cast<double>(time->count()) / 1e3;
}

}  // namespace

TEST_CASE("a window gives the middle of its last readings") {
    RateWindow window(5);
    CHECK(window.empty());
    for (const double reading : {900.0, 10.0, 11.0, 500.0, 9.0, 12.0}) {
        window.add(reading);
    }
    CHECK(window.quantile(0.5) == 11.0);
    CHECK(window.quantile(0.0) == 9.0);
    CHECK(window.quantile(1.0) == 500.0);
    window.scale(0.5);
    CHECK(window.quantile(0.5) == 5.5);
    window.clear();
    CHECK(window.empty());
}

TEST_CASE("nothing is known, nothing is said") {
    Estimator estimator(nothing_known(1024));
    const auto forecast = estimator.forecast(kLimit, kLongest);
    CHECK(!forecast.eta);
    CHECK(!forecast.endless);
    CHECK(!forecast.convergence_ratio);

    Sample sample;
    sample.memory_total = sample.memory_remaining = gibibytes(1);
    estimator.add(sample);
    CHECK(!estimator.forecast(kLimit, kLongest).eta);
    CHECK(!estimator.forecast(kLimit, kLongest).endless);
}

TEST_CASE("before the dirty rate is known the time is a lower bound") {
    Simulation world(1000);
    Estimator estimator(nothing_known(1000));
    estimator.add(world.sample());
    const auto forecast = estimator.forecast(kLimit, kLongest);
    CHECK(in_seconds(forecast.eta) == doctest::Approx(10).epsilon(0.01));
    CHECK(!forecast.eta_high);
    CHECK(!forecast.convergence_ratio);
}

TEST_CASE("what will be dirtied is part of the time from the first sample on") {
    Simulation world(1000);
    world.dirty = [](double) { return 50.0; };
    world.noise = 0.3;
    Estimator estimator({Bytes{static_cast<std::uint64_t>(1000 * kMiB)},
                         {},
                         BytesPerSecond{static_cast<std::uint64_t>(50 * kMiB)}});
    const auto told = follow(world, estimator);
    const double end = world.time();
    CHECK(end > 15);  // twice the plain copy, nearly
    for (const auto& [at, forecast] : told) {
        CAPTURE(at);
        CAPTURE(end);
        CHECK(std::abs(at + in_seconds(forecast.eta) - end) < std::max(1.0, 0.3 * (end - at)));
        CHECK(*forecast.eta_low <= *forecast.eta);
        CHECK((!forecast.eta_high || *forecast.eta <= *forecast.eta_high));
    }
    CHECK(*told.back().forecast.convergence_ratio == doctest::Approx(0.5).epsilon(0.2));
}

TEST_CASE("the beginning of an iteration is no surprise") {
    Simulation world(1000);
    world.dirty = [](double) { return 60.0; };
    Estimator estimator(nothing_known(1000));
    auto told = follow(world, estimator);
    // From the second iteration on the guest's load is known; then each jump of what is left leaves
    // the predicted end where it was.
    std::erase_if(told, [](const Told& each) { return each.at < 10.5; });
    REQUIRE(told.size() > 20);
    for (const auto& [at, forecast] : told) {
        CAPTURE(at);
        CHECK(at + in_seconds(forecast.eta) == doctest::Approx(world.time()).epsilon(0.05));
    }
}

TEST_CASE("a guest that dirties more than is sent has no end in sight") {
    Simulation world(1000);
    world.dirty = [](double) { return 120.0; };
    Estimator estimator(nothing_known(1000));
    const auto told = follow(world, estimator);
    CHECK(told.back().forecast.endless);
    CHECK(!told.back().forecast.eta);
    CHECK(*told.back().forecast.convergence_ratio >= 0.95);
}

TEST_CASE("what fits under the ceiling has an end, however much is dirtied") {
    Estimator estimator(nothing_known(1000));
    Sample sample;
    sample.job = JobState::active;
    sample.memory_total = mebibytes(1000);
    sample.memory_remaining = mebibytes(1000);
    sample.bandwidth = {mebibytes(100).count};
    estimator.add(sample);
    sample.at += seconds(1);
    sample.iteration = 1;
    sample.memory_remaining = mebibytes(90);
    sample.dirty_rate = {mebibytes(200).count};
    estimator.add(sample);
    const auto forecast = estimator.forecast(kLimit, kLongest);
    CHECK(in_seconds(forecast.eta) == doctest::Approx(0.9).epsilon(0.1));
    CHECK(!forecast.endless);
}

TEST_CASE("one absurd reading changes next to nothing") {
    Simulation world(4000);
    Estimator estimator(nothing_known(4000));
    const auto told = [&] { return in_seconds(estimator.forecast(kLimit, kLongest).eta); };
    for (int i = 0; i < 20; ++i) {
        world.go(milliseconds(250));
        estimator.add(world.sample());
    }
    const double before = told();
    auto wrong = world.sample();
    wrong.at += milliseconds(250);
    wrong.bandwidth = {mebibytes(100'000).count};
    wrong.memory_remaining = {};
    estimator.add(wrong);
    world.go(milliseconds(500));
    estimator.add(world.sample());
    CHECK(told() == doctest::Approx(before - 0.5).epsilon(0.02));
}

TEST_CASE("a network that drops for a moment is sat out, one that stays slow is believed") {
    Simulation world(10'000);
    world.bandwidth = [](double time) {
        return (time > 5 && time < 6) || time > 20 ? 10.0 : 100.0;
    };
    Estimator estimator(nothing_known(10'000));
    std::vector<Told> told;
    while (world.time() < 30) {
        world.go(milliseconds(250));
        estimator.add(world.sample());
        told.push_back({world.time(), estimator.forecast(kLimit, kLongest)});
    }
    const auto eta_at = [&](double time) {
        return in_seconds(std::ranges::find_if(told, [&](const Told& each) {
                              return each.at >= time;
                          })->forecast.eta);
    };
    CHECK(eta_at(6) == doctest::Approx(95).epsilon(0.05));
    CHECK(eta_at(19) == doctest::Approx(82).epsilon(0.05));
    CHECK(eta_at(29) > 700);
}

TEST_CASE("statistics that are brought up to date now and then are no bursts, and no standstill") {
    Estimator estimator(nothing_known(1000));
    Sample sample;
    sample.job = JobState::active;
    sample.memory_total = mebibytes(1000);
    const auto at = [&](int ms, std::uint64_t left) {
        sample.at = TimePoint(milliseconds(ms));
        sample.memory_remaining = mebibytes(left);
        estimator.add(sample);
    };
    for (int ms = 0; ms <= 5000; ms += 250) {
        at(ms, 1000 - 100 * static_cast<std::uint64_t>(ms / 1000));
    }
    CHECK(in_seconds(estimator.forecast(kLimit, kLongest).eta) == doctest::Approx(5).epsilon(0.01));
    for (int ms = 5250; ms <= 40'000; ms += 250) {
        at(ms, 500);
    }
    const auto stands_still = estimator.forecast(kLimit, kLongest);
    CHECK(!stands_still.eta);
    CHECK(!stands_still.endless);  // nothing tells that it converges or not
}

TEST_CASE("iterations whose beginning nobody saw share the time") {
    Estimator estimator(nothing_known(1000));
    Sample sample;
    sample.job = JobState::active;
    sample.memory_total = mebibytes(1000);
    sample.memory_remaining = mebibytes(100);
    sample.bandwidth = {mebibytes(100).count};
    estimator.add(sample);
    sample.at += seconds(4);
    sample.iteration = 4;  // of one second each
    estimator.add(sample);
    CHECK(*estimator.forecast(kLimit, kLongest).convergence_ratio == doctest::Approx(1.0));
}

TEST_CASE("a throttled guest dirties as much less as its processors sleep") {
    Simulation world(1000);
    world.dirty = [](double) { return 120.0; };
    Estimator estimator(nothing_known(1000));
    follow(world, estimator);
    auto sample = world.sample();
    sample.at += seconds(1);
    sample.throttle_percent = 90;
    estimator.add(sample);
    const auto forecast = estimator.forecast(kLimit, kLongest);
    CHECK(*forecast.convergence_ratio == doctest::Approx(0.12).epsilon(0.1));
    CHECK(!forecast.endless);
}

TEST_CASE("disks come first, then all of the memory") {
    Estimator estimator({mebibytes(500), BytesPerSecond{mebibytes(50).count}, BytesPerSecond{0}});
    Sample sample;
    sample.job = JobState::active;
    for (int i = 0; i <= 4; ++i) {
        sample.at = TimePoint(seconds(i));
        sample.disk_total = mebibytes(1000);
        sample.disk_remaining = mebibytes(1000 - 100 * static_cast<std::uint64_t>(i));
        estimator.add(sample);
    }
    const auto forecast = estimator.forecast(kLimit, kLongest);
    CHECK(in_seconds(forecast.eta) == doctest::Approx(6 + 10).epsilon(0.01));
    CHECK(*forecast.eta_high == *forecast.eta_low);  // nothing varies here
}

TEST_CASE("post-copy ends when everything was sent") {
    Estimator estimator(nothing_known(1000));
    Sample sample;
    sample.job = JobState::postcopy;
    sample.iteration = 3;
    sample.memory_total = mebibytes(1000);
    sample.memory_remaining = mebibytes(400);
    sample.bandwidth = {mebibytes(100).count};
    sample.dirty_rate = {mebibytes(500).count};
    estimator.add(sample);
    CHECK(in_seconds(estimator.forecast(kLimit, kLongest).eta) == doctest::Approx(4).epsilon(0.01));
}

TEST_CASE("an older sample is left out") {
    Simulation world(1000);
    Estimator estimator(nothing_known(1000));
    world.go(milliseconds(250));
    const auto early = world.sample();
    world.go(milliseconds(250));
    estimator.add(world.sample());
    const auto before = estimator.forecast(kLimit, kLongest);
    estimator.add(early);
    CHECK(estimator.forecast(kLimit, kLongest).eta == before.eta);
}
