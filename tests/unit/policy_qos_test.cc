// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "orchestrator/policy_qos.h"

using namespace vmigrate;
using Kind = QosDecision::Kind;

namespace {

constexpr milliseconds kPause{300};

/// A course of one disk's copy: the guest writes at a rate, each write makes `amplification` times
/// as much dirty, and the copy sends at a rate.
class Copy {
  public:
    explicit Copy(bool mirrored) : mirrored_(mirrored) {}

    BytesPerSecond writes{mebibytes(20).count};
    double amplification = 8;
    BytesPerSecond sends{mebibytes(100).count};
    Bytes dirty = mebibytes(400);

    /// Goes on for `time`, and what there is to see then.
    Sample after(milliseconds time) {
        now_ += time;
        const auto wanted = carried(sends, time);
        const auto made = carried(writes, time);
        written_ += made;
        dirty += made * amplification;
        const auto sent = std::min(wanted, dirty);
        dirty = dirty - sent;
        copied_ += sent;
        while (copied_ >= iteration_end_) {
            ++iterations_;
            iteration_end_ = iteration_end_ + std::max(dirty, kibibytes(64));
        }
        Sample sample;
        sample.at = TimePoint{} + now_;
        sample.job = JobState::active;
        sample.bandwidth = sends;
        sample.disks = {{"vda", written_, std::nullopt}};
        if (mirrored_) {
            sample.disks[0].mirror = Mirror{copied_, dirty, ready};
        } else {
            sample.stream_disks = StreamDisks{bulk_completed, dirty, iterations_};
        }
        return sample;
    }

    bool ready = false;
    bool bulk_completed = true;

  private:
    bool mirrored_;
    milliseconds now_{};
    Bytes written_ = gibibytes(3);
    Bytes copied_;
    Bytes iteration_end_ = mebibytes(400);
    std::uint64_t iterations_ = 0;
};

/// Looks four times a second and obeys, for `time` or until it is converged.
struct Course {
    std::vector<BytesPerSecond> limits;
    std::vector<std::string> reasons;
    unsigned exhausted = 0;
    bool converged = false;
};

Course follow(QosPolicy& policy, Copy& copy, milliseconds time) {
    Course course;
    for (milliseconds spent{0}; spent < time && !course.converged; spent += milliseconds(250)) {
        const auto sample = copy.after(milliseconds(250));
        course.converged = copy.dirty < mebibytes(1);
        for (const auto& decision : policy.at_tick(sample, kPause)) {
            CHECK(decision.target == "vda");
            CHECK(!decision.reason.empty());
            if (decision.kind == Kind::exhausted) {
                ++course.exhausted;
                continue;
            }
            course.limits.push_back(decision.limit);
            course.reasons.push_back(decision.reason);
            copy.writes = std::min(copy.writes, decision.limit);
        }
    }
    return course;
}

}  // namespace

TEST_CASE("a copy that converges leaves the guest alone") {
    for (const bool mirrored : {false, true}) {
        Copy copy(mirrored);
        copy.writes = {mebibytes(5).count};  // dirties 40 of 100 MiB/s
        QosPolicy policy({});
        const auto course = follow(policy, copy, std::chrono::minutes(1));
        CHECK(course.converged);
        CHECK(course.limits.empty());
    }
}

TEST_CASE("one that does not is brought to converge, and the guest keeps most of what it can") {
    for (const bool mirrored : {false, true}) {
        CAPTURE(mirrored);
        Copy copy(mirrored);
        copy.writes = {mebibytes(20).count};  // dirties 160 of 100 MiB/s
        QosPolicy policy({});
        const auto course = follow(policy, copy, std::chrono::minutes(2));
        CHECK(course.converged);
        REQUIRE(!course.limits.empty());
        CHECK(course.limits.front() < BytesPerSecond{mebibytes(20).count});
        CHECK(std::ranges::is_sorted(course.limits, std::greater<>()));
        // 12.5 MiB/s would just not do
        CHECK(course.limits.back() >= BytesPerSecond{mebibytes(8).count});
        CHECK(course.reasons.front().find("20.0 MiB/s") != std::string::npos);
        CHECK(course.reasons.front().find(mirrored ? "vda" : "the disks") != std::string::npos);
    }
}

TEST_CASE("a little too much takes one step") {
    Copy copy(true);
    copy.writes = {mebibytes(12).count};  // dirties 96 of 100 MiB/s
    QosPolicy policy({});
    const auto course = follow(policy, copy, std::chrono::minutes(1));
    CHECK(course.converged);
    REQUIRE(course.limits.size() == 1);
    CHECK(course.limits[0] == BytesPerSecond{mebibytes(9).count});
}

TEST_CASE("the full copy in the stream tells nothing") {
    Copy copy(false);
    copy.bulk_completed = false;
    QosPolicy policy({});
    CHECK(follow(policy, copy, std::chrono::minutes(1)).limits.empty());
}

TEST_CASE("what fits into the pause needs no limit") {
    Copy copy(false);
    copy.dirty = mebibytes(10);
    copy.writes = {mebibytes(13).count};
    copy.sends = {mebibytes(104).count};  // as much as becomes dirty
    QosPolicy policy({});
    CHECK(policy.at_tick(copy.after(milliseconds(250)), kPause).empty());
    CHECK(policy.at_tick(copy.after(seconds(5)), kPause).empty());
    CHECK(policy.at_tick(copy.after(seconds(5)), milliseconds(30)).size() == 1);
}

TEST_CASE("a mirror has to be done once, then what remains has to fit into the pause") {
    for (const bool ready : {false, true}) {
        Copy copy(true);
        copy.dirty = mebibytes(10);
        copy.writes = {mebibytes(13).count};
        copy.sends = {mebibytes(104).count};
        copy.ready = ready;
        QosPolicy policy({});
        CHECK(policy.at_tick(copy.after(milliseconds(250)), kPause).empty());
        CHECK(policy.at_tick(copy.after(seconds(5)), kPause).empty() == ready);
    }
}

TEST_CASE("a mirror that keeps up is given time to be done") {
    Copy copy(true);
    copy.dirty = mebibytes(200);
    copy.writes = {mebibytes(1).count};
    QosPolicy policy({});
    for (int i = 0; i < 24; ++i) {
        CHECK(policy.at_tick(copy.after(milliseconds(250)), kPause).empty());
    }
    copy.dirty = kibibytes(64);
    copy.amplification = 64;
    copy.writes = copy.sends * (1.0 / 64);  // no more and no less from now on
    CHECK(policy.at_tick(copy.after(seconds(4)), kPause).empty());
    CHECK(policy.at_tick(copy.after(seconds(2)), kPause).empty());
    CHECK(policy.at_tick(copy.after(seconds(3)), kPause).size() == 1);
}

TEST_CASE("a window of a mirror ends when as much is copied as remained at its begin") {
    Copy copy(true);
    copy.dirty = mebibytes(800);
    QosPolicy policy({});
    CHECK(policy.at_tick(copy.after(milliseconds(1)), kPause).empty());
    CHECK(policy.at_tick(copy.after(milliseconds(7900)), kPause).empty());
    CHECK(policy.at_tick(copy.after(milliseconds(110)), kPause).size() == 1);
    CHECK(policy.at_tick(copy.after(seconds(8)), kPause).empty());  // now there is more to copy
}

TEST_CASE("never under the floor, and that is said once") {
    Options options;
    options.io_qos_floor = {mebibytes(15).count};
    Copy copy(true);
    copy.amplification = 64;
    QosPolicy policy(options);
    const auto course = follow(policy, copy, std::chrono::hours(1));
    REQUIRE(course.limits.size() == 1);
    CHECK(course.limits[0] == options.io_qos_floor);
    CHECK(course.exhausted == 1);
}

TEST_CASE("a guest that writes less than the floor is never limited") {
    Options options;
    options.io_qos_floor = {mebibytes(30).count};
    Copy copy(false);
    QosPolicy policy(options);
    const auto course = follow(policy, copy, std::chrono::hours(1));
    CHECK(course.limits.empty());
    CHECK(course.exhausted == 1);
}

TEST_CASE("the first limit is not above the start") {
    Options options;
    options.io_qos_start = {mebibytes(3).count};
    Copy copy(true);
    QosPolicy policy(options);
    CHECK(follow(policy, copy, std::chrono::minutes(1)).limits.front() == options.io_qos_start);
}

TEST_CASE("one measurement takes no more than three quarters off") {
    Copy copy(true);
    copy.amplification = 800;
    QosPolicy policy({});
    (void)policy.at_tick(copy.after(milliseconds(250)), kPause);
    const auto decisions = policy.at_tick(copy.after(seconds(1000)), kPause);
    REQUIRE(decisions.size() == 1);
    CHECK(decisions[0].limit == BytesPerSecond{mebibytes(5).count});
}

TEST_CASE("a limit that could not be set does not count") {
    Copy copy(true);
    copy.writes = {mebibytes(12).count};
    QosPolicy policy({});
    (void)policy.at_tick(copy.after(milliseconds(250)), kPause);
    for (int i = 0; i < 3; ++i) {
        const auto decisions = policy.at_tick(copy.after(seconds(5)), kPause);
        REQUIRE(decisions.size() == 1);
        CHECK(decisions[0].limit == BytesPerSecond{mebibytes(9).count});
        policy.not_set("vda");
    }
}

TEST_CASE("of several disks in the stream only those are limited that are written") {
    const auto at = [](milliseconds time, std::uint64_t iterations, Bytes busy, Bytes quiet) {
        Sample sample;
        sample.at = TimePoint{} + time;
        sample.bandwidth = {mebibytes(100).count};
        sample.stream_disks = StreamDisks{true, mebibytes(400), iterations};
        sample.disks = {{"vda", busy, {}}, {"vdb", quiet, {}}, {"vdc", gibibytes(1), {}}};
        return sample;
    };
    QosPolicy policy({});
    CHECK(policy.at_tick(at(seconds(0), 1, {}, {}), kPause).empty());
    const auto decisions = policy.at_tick(at(seconds(4), 2, mebibytes(80), mebibytes(4)), kPause);
    REQUIRE(decisions.size() == 1);
    CHECK(decisions[0].target == "vda");
    CHECK(decisions[0].limit == BytesPerSecond{mebibytes(15).count});
    CHECK(policy.at_tick(at(seconds(8), 3, mebibytes(160), mebibytes(64)), kPause).size() == 2);
}

TEST_CASE("mirrors are judged one by one") {
    const auto at = [](milliseconds time, Bytes copied, Bytes busy_left, Bytes calm_left) {
        Sample sample;
        sample.at = TimePoint{} + time;
        const Bytes written{copied.count / 8};
        sample.disks = {{"vda", written, Mirror{copied, busy_left, false}},
                        {"vdb", written, Mirror{copied, calm_left, false}}};
        return sample;
    };
    QosPolicy policy({});
    const auto full = mebibytes(500);
    CHECK(policy.at_tick(at(seconds(0), {}, full, full), kPause).empty());
    const auto decisions =
        policy.at_tick(at(seconds(10), full, mebibytes(480), mebibytes(200)), kPause);
    REQUIRE(decisions.size() == 1);
    CHECK(decisions[0].target == "vda");
}

TEST_CASE("a sample that says nothing about disks decides nothing") {
    QosPolicy policy({});
    CHECK(policy.at_tick({}, kPause).empty());
    Copy copy(true);
    copy.dirty = {};
    copy.writes = {};
    CHECK(policy.at_tick(copy.after(seconds(1)), kPause).empty());
}

TEST_CASE("random courses: never looser, never under the floor, and only as long as it is needed") {
    std::mt19937 random(4);
    for (int round = 0; round < 400; ++round) {
        Options options;
        options.io_qos_floor = {1 + random() % mebibytes(8).count};
        options.io_qos_start = {round % 3 == 0 ? options.io_qos_floor.count + random() % 100 : 0};
        options.io_qos_step_percent = static_cast<unsigned>(1 + random() % 90);
        Copy copy(round % 2 == 0);
        QosPolicy policy(options);
        std::optional<BytesPerSecond> limit;
        for (int i = 0; i < 300; ++i) {
            copy.sends = {random() % mebibytes(200).count};
            copy.amplification = static_cast<double>(random() % 64);
            copy.ready = random() % 2 == 0;
            copy.writes = {random() % mebibytes(40).count};
            copy.writes = std::min(copy.writes, limit.value_or(copy.writes));
            if (random() % 50 == 0) {
                copy.dirty = {random() % gibibytes(2).count};  // statistics may jump
            }
            for (const auto& decision :
                 policy.at_tick(copy.after(milliseconds(1 + random() % 2000)), kPause)) {
                if (decision.kind == Kind::limit) {
                    CHECK(decision.limit >= options.io_qos_floor);
                    CHECK(decision.limit < limit.value_or(BytesPerSecond{mebibytes(40).count}));
                    if (random() % 4 == 0) {
                        policy.not_set("vda");
                    } else {
                        limit = decision.limit;
                    }
                }
            }
        }
    }
}
