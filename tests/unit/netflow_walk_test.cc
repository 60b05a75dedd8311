// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_netflow
// LABELS: unit
#include <doctest/doctest.h>

#include <set>
#include <unordered_map>

#include "netflow/walk.h"

using vmigrate::netflow::Walk;

TEST_CASE("a walk comes by all entries, a few at a time, and begins anew") {
    std::unordered_map<int, int> table;
    for (int i = 0; i < 1000; ++i) {
        table[i] = i;
    }
    Walk walk;
    for (int round = 0; round < 2; ++round) {
        std::set<int> seen;
        int steps = 0;
        for (bool over = false; !over; ++steps) {
            std::size_t now = 0;
            over = walk.next(table, 100, [&](const auto& entry) {
                seen.insert(entry.first);
                ++now;
            });
            CHECK((over || now >= 100));
        }
        CHECK(seen.size() == 1000);
        CHECK(steps >= 5);
    }
}

TEST_CASE("an empty table is walked through at once") {
    Walk walk;
    CHECK(walk.next(std::unordered_map<int, int>(), 1, [](const auto&) { FAIL("nothing there"); }));
}

TEST_CASE("what is there all the time is visited, however much comes and goes") {
    std::unordered_map<int, int> table;
    for (int i = 0; i < 100; ++i) {
        table[i] = i;
    }
    Walk walk;
    std::set<int> seen;
    int next = 1000;
    for (bool over = false; !over;) {
        over = walk.next(table, 10, [&](const auto& entry) { seen.insert(entry.first); });
        if (next < 2000) {  // the table grows for a while
            for (int i = 0; i < 100; ++i) {
                table[next++] = 0;
            }
        }
        table.erase(next - 50);
    }
    for (int i = 0; i < 100; ++i) {
        CHECK(seen.contains(i));
    }
}
