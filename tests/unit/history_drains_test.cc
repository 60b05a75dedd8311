// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

const Location kThere{"south", 4, 77, false};

/// A migration that has moved its guest and left `remains`.
std::int64_t moved(Store& store, const std::string& remains) {
    const auto journal = store.journal();
    const auto id = journal->begin(plan_of("web1", kUuid));
    REQUIRE(id.has_value());
    REQUIRE(store.locations()->leave(kUuid, kThere, remains).has_value());
    Record record;
    record.outcome = Outcome::moved;
    REQUIRE(journal->finish(record).has_value());
    return *id;
}

Drain drain_of(Store& store, std::int64_t id) {
    const auto entry = store.find(id);
    REQUIRE(entry.has_value());
    REQUIRE(entry->drain.has_value());
    return *entry->drain;
}

std::size_t under_way(Store& store) {
    Filter filter;
    filter.draining = true;
    return store.list(filter).value().size();
}

}  // namespace

TEST_CASE("what a move has left is drained after the migration has ended") {
    const TemporaryFolder folder;
    HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto id = moved(*store, "what is left");
    CHECK(store->locations()->find(kUuid).value() == kThere);
    CHECK(store->lease_of(kUuid).value() == std::nullopt);
    CHECK(drain_of(*store, id).report == DrainReport{});
    CHECK(drain_of(*store, id).holder_pid == getpid());
    CHECK(under_way(*store) == 1);

    // by the same process, if it likes
    CHECK(store->take_drain(id).value() == "what is left");
    clock.advance(seconds(3));
    const DrainReport end{DrainState::alarm, 1234, milliseconds(2100), {"gw"}, {"it goes on"}};
    REQUIRE(store->locations()->drained(kUuid, kThere, end).has_value());
    const auto drain = drain_of(*store, id);
    CHECK(drain.report == end);
    CHECK(drain.ended.value() - drain.began == seconds(3));
    CHECK_FALSE(drain.holder_alive);
    CHECK(under_way(*store) == 0);
    CHECK(store->take_drain(id).error().kind == ErrorKind::usage);
}

TEST_CASE("one process drains; another one when it is dead, or has given it away") {
    const TemporaryFolder folder;
    const HandClock clock;
    std::int64_t id = 0;
    const auto taken_by_child = [&](bool give) {
        return said_by_child([&] {
            const auto other = opened(folder.file("history.db"), clock);
            const auto taken = other->take_drain(id);
            if (taken && give) {
                static_cast<void>(other->give_drain(id));
            }
            const std::string refused =
                !taken && taken.error().kind == ErrorKind::busy ? "busy" : message_of(taken);
            return taken ? *taken : refused;
        });
    };
    {
        const auto store = opened(folder.file("history.db"), clock);
        id = moved(*store, "all");
    }
    CHECK(taken_by_child(false) == "busy");
    {
        const auto store = opened(folder.file("history.db"), clock);
        REQUIRE(store->give_drain(id).has_value());
        CHECK_FALSE(drain_of(*store, id).holder_alive);
    }
    CHECK(taken_by_child(false) == "all");
    {
        const auto store = opened(folder.file("history.db"), clock);
        CHECK_FALSE(drain_of(*store, id).holder_alive);  // the child is dead
        CHECK(drain_of(*store, id).holder_pid != 0);
    }
    CHECK(taken_by_child(true) == "all");
    const auto store = opened(folder.file("history.db"), clock);
    CHECK(store->take_drain(id).value() == "all");
    CHECK(taken_by_child(false) == "busy");
}

TEST_CASE("only migrations of the history have drains") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    REQUIRE(store->locations()->leave(kUuid, kThere, "by hand").has_value());
    CHECK(store->locations()->find(kUuid).value() == kThere);
    CHECK(under_way(*store) == 0);
    CHECK(store->take_drain(1).error().kind == ErrorKind::not_found);
}
