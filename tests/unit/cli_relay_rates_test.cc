// LINK: vmigrate_cli
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/relay_rates.h"

#include <doctest/doctest.h>

using namespace vmigrate;
using namespace vmigrate::cli;

TEST_CASE("the rate of a relay is that between two looks") {
    RelayRates rates;
    netflow::FlowStats relay;
    relay.packets = 1000;
    const TimePoint start(seconds(50));
    CHECK_FALSE(rates.looked_at("a", relay, start).has_value());
    relay.packets = 1500;
    CHECK_FALSE(rates.looked_at("b", relay, start + seconds(2)).has_value());
    CHECK(rates.looked_at("a", relay, start + seconds(2)) == 250.0);
    CHECK(rates.looked_at("a", relay, start + seconds(3)) == 0.0);
    // it was deleted, and is back
    relay.packets = 10;
    CHECK(rates.looked_at("a", relay, start + seconds(4)) == 10.0);
    CHECK_FALSE(rates.looked_at("a", relay, start + seconds(4)).has_value());
}
