// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_orchestrator
// LABELS: unit
#include "orchestrator/network_watch.h"

#include <doctest/doctest.h>

using namespace vmigrate;

namespace {

Sample reading(int second, std::uint64_t mib_per_s, Bytes remaining = {}) {
    Sample sample;
    sample.at = TimePoint(seconds(second));
    sample.bandwidth = {mib_per_s << 20U};
    sample.memory_remaining = remaining;
    return sample;
}

}  // namespace

TEST_CASE("a drop is told from a single bad reading and from a slow network") {
    BandwidthWatch watch;
    CHECK(!watch.dropped());
    for (int s = 0; s < 40; ++s) {
        watch.saw(reading(s, 100));
    }
    watch.saw(reading(40, 5));
    CHECK(!watch.dropped());
    watch.saw(reading(41, 0));  // nothing is known at the start of a migration
    watch.saw(reading(42, 5));
    CHECK(watch.dropped());
    CHECK(watch.usual() == BytesPerSecond{100U << 20U});
    CHECK(watch.lately() == BytesPerSecond{5U << 20U});
    for (int s = 43; s < 50; ++s) {
        watch.saw(reading(s, 60));
    }
    CHECK(!watch.dropped());
    for (int s = 50; s < 100; ++s) {
        watch.saw(reading(s, 20));
    }
    CHECK(!watch.dropped());  // that is what it carries now
    watch.saw(reading(101, 9));
    watch.saw(reading(102, 9));
    CHECK(watch.dropped());
    watch.forget();
    CHECK(!watch.dropped());
}

TEST_CASE("a post-copy stands still when nothing comes through for ten seconds") {
    PostcopyWatch watch;
    CHECK(!watch.stuck(reading(0, 0, mebibytes(100))));
    CHECK(!watch.stuck(reading(9, 0, mebibytes(100))));
    CHECK(!watch.stuck(reading(11, 0, mebibytes(99))));
    CHECK(!watch.stuck(reading(20, 0, mebibytes(99))));
    CHECK(watch.stuck(reading(21, 0, mebibytes(99))));
    CHECK(!watch.stuck(reading(22, 0, mebibytes(99))));
    CHECK(watch.stuck(reading(31, 0, mebibytes(99))));
}
