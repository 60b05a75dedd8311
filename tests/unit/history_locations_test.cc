// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

TEST_CASE("a location is remembered across processes, the last one counts") {
    const TemporaryFolder folder;
    const HandClock clock;
    const Location first{"north", 1, 0x0ffffff, true};
    const Location second{"south", 0x123456789, 7, false};
    {
        const auto store = opened(folder.file("history.db"), clock);
        const auto locations = store->locations();
        CHECK(locations->find(kUuid).value() == std::nullopt);
        REQUIRE(locations->remember(kUuid, first).has_value());
        CHECK(locations->find(kUuid).value() == first);
        REQUIRE(locations->remember(kUuid, second).has_value());
    }
    const auto store = opened(folder.file("history.db"), clock, Store::Access::read_only);
    CHECK(store->locations()->find(kUuid).value() == second);
    CHECK(store->locations()->find("another").value() == std::nullopt);
    CHECK_FALSE(store->locations()->remember(kUuid, first).has_value());
}
