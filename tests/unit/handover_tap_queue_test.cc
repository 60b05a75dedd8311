// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_handover
// LABELS: unit
#include <doctest/doctest.h>

#include "handover/tap_queue.h"

using namespace vmigrate;
using namespace vmigrate::handover;

TEST_CASE("a mirror never fills more than half of a tap's queue") {
    CHECK(longest_lead(0, 1000) == milliseconds(500));
    CHECK(longest_lead(1000, 1000) == milliseconds(500));
    CHECK(longest_lead(2000, 1000) == milliseconds(250));
    CHECK(longest_lead(20'000, 10'000) == milliseconds(250));
}

TEST_CASE("a mirror that may not last until QEMU looks is none") {
    CHECK(longest_lead(2500, 1000) == milliseconds(200));
    CHECK(!longest_lead(2600, 1000));
    CHECK(!longest_lead(1, 0));
}
