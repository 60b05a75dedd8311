// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include <doctest/doctest.h>

#include "orchestrator/policy_delay.h"

using namespace vmigrate;

namespace {

Plan with_delay(unsigned percent, bool asked = false) {
    Plan plan;
    plan.call.qemu.parameters["ram-delay-save-percent"] = std::to_string(percent);
    if (asked) {
        plan.request.options.asked.insert("ram-delay-save-percent");
    }
    return plan;
}

/// The samples of one migration of 1000 MiB, iteration by iteration.
class Course {
  public:
    /// MiB: delayed, dirty in that and dirty in the rest; `again` of the former was delayed before.
    Sample next(std::uint64_t size, std::uint64_t dirty, std::uint64_t rest, double again) {
        ++iterations_;
        saved_ += mebibytes(dirty) * again;
        Sample sample;
        sample.iteration = static_cast<std::uint32_t>(iterations_ + 1);
        sample.memory_total = mebibytes(1000);
        sample.memory_remaining = mebibytes(dirty + rest);
        sample.delayed =
            DelayedMemory{true, iterations_, mebibytes(size), mebibytes(dirty), saved_};
        return sample;
    }

  private:
    std::uint64_t iterations_ = 0;
    Bytes saved_;
};

}  // namespace

TEST_CASE("what pays and has room stays as it is") {
    DelayPolicy policy(with_delay(30));
    Course course;
    for (const std::uint64_t rest : {400, 390, 380, 370}) {
        CHECK(!policy.at_iteration(course.next(200, 180, rest, 1.0)));
    }
    CHECK(policy.percent() == 30);
}

TEST_CASE("it rises when all of it is hot and the rest does not get less") {
    DelayPolicy policy(with_delay(30));
    Course course;
    CHECK(!policy.at_iteration(course.next(300, 280, 400, 0.0)));
    CHECK(!policy.at_iteration(course.next(300, 280, 200, 1.0)));  // the rest does get less
    const auto more = policy.at_iteration(course.next(300, 280, 195, 1.0));
    REQUIRE(more);
    CHECK(more->percent == 40);
    CHECK(more->reason == "it pays, and 195.0 MiB that do not wait do not get less");
    CHECK(!policy.at_iteration(course.next(300, 280, 195, 1.0)));  // there is room now
    CHECK(policy.at_iteration(course.next(400, 280, 195, 1.0))->percent == 50);
    CHECK(policy.at_iteration(course.next(500, 280, 195, 1.0))->percent == 60);
    CHECK(!policy.at_iteration(course.next(600, 280, 195, 1.0)));
}

TEST_CASE("it never rises above what somebody asked for") {
    DelayPolicy policy(with_delay(30, true));
    Course course;
    for (int i = 0; i < 5; ++i) {
        CHECK(!policy.at_iteration(course.next(300, 280, 400, 1.0)));
    }
}

TEST_CASE("it falls when each time other memory is hot, and ends") {
    DelayPolicy policy(with_delay(30));
    Course course;
    CHECK(!policy.at_iteration(course.next(300, 280, 400, 0.0)));
    CHECK(!policy.at_iteration(course.next(300, 280, 400, 0.1)));  // one may be an accident
    const auto less = policy.at_iteration(course.next(300, 280, 400, 0.1));
    REQUIRE(less);
    CHECK(less->percent == 15);
    CHECK(less->reason ==
          "it pays too little: only 10 % of the memory that waits has waited before");
    CHECK(!policy.at_iteration(course.next(150, 130, 400, 0.2)));
    CHECK(policy.at_iteration(course.next(150, 130, 400, 0.2))->percent == 7);
    CHECK(!policy.at_iteration(course.next(70, 60, 400, 0.0)));
    CHECK(policy.at_iteration(course.next(70, 60, 400, 0.0))->percent == 0);
    // QEMU delays nothing any more, whatever is set.
    for (int i = 0; i < 5; ++i) {
        CHECK(!policy.at_iteration(course.next(70, 60, 400, 0.0)));
    }
}

TEST_CASE("now and then in vain is not in vain") {
    DelayPolicy policy(with_delay(30));
    Course course;
    for (int i = 0; i < 6; ++i) {
        CHECK(!policy.at_iteration(course.next(200, 180, 400, i % 2 == 0 ? 0.1 : 0.6)));
    }
}

TEST_CASE("a guest that hardly runs has no hot memory") {
    DelayPolicy policy(with_delay(30));
    CHECK(!policy.when_throttled(82));
    const auto none = policy.when_throttled(90);
    REQUIRE(none);
    CHECK(none->percent == 0);
    CHECK(!policy.when_throttled(99));  // it is for good
}

TEST_CASE("nothing is changed that was not set, is over, or is not told") {
    DelayPolicy unset{Plan{}};
    CHECK(unset.percent() == 0);
    Course course;
    for (int i = 0; i < 5; ++i) {
        CHECK(!unset.at_iteration(course.next(300, 280, 400, 0.0)));
    }
    CHECK(!unset.when_throttled(99));

    DelayPolicy policy(with_delay(30));
    for (int i = 0; i < 5; ++i) {
        auto over = course.next(0, 0, 400, 0.0);
        over.delayed->active = false;
        CHECK(!policy.at_iteration(over));
        CHECK(!policy.at_iteration(Sample{}));
    }
}

TEST_CASE("the same iteration, read twice, is judged once") {
    DelayPolicy policy(with_delay(30));
    Course course;
    CHECK(!policy.at_iteration(course.next(300, 280, 400, 0.0)));
    const auto sample = course.next(300, 280, 400, 0.0);
    for (int i = 0; i < 5; ++i) {
        CHECK(!policy.at_iteration(sample));
    }
}
