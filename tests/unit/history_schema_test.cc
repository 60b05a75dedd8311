// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/schema.h"

#include <string_view>

#include "orchestrator/json.h"
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

/// The released steps and some that the future may bring.
std::vector<std::string_view> steps_and(std::initializer_list<std::string_view> more) {
    std::vector<std::string_view> steps(schema_steps().begin(), schema_steps().end());
    steps.insert(steps.end(), more);
    return steps;
}

int number_of(SQLite::Database& database) {
    return schema_of(database).number;
}

}  // namespace

TEST_CASE("an older file is brought up to date, step by step, and keeps what it holds") {
    const TemporaryFolder folder;
    const HandClock clock;
    {
        const auto store = opened(folder.file("history.db"), clock);
        REQUIRE(store->journal()->begin(plan_of("web", kUuid)).has_value());
    }
    SQLite::Database database(folder.file("history.db"), SQLite::OPEN_READWRITE);
    const int released = static_cast<int>(schema_steps().size());
    CHECK(number_of(database) == released);

    const auto steps = steps_and({"ALTER TABLE migrations ADD COLUMN colour TEXT DEFAULT 'red'",
                                  "CREATE TABLE one (x); CREATE TABLE two (y)"});
    upgrade(database, steps);
    CHECK(number_of(database) == released + 2);
    CHECK(database.execAndGet("SELECT guest_name || colour FROM migrations").getString() ==
          "webred");
    CHECK(database.tableExists("two"));
    upgrade(database, steps);  // nothing left to do
    CHECK(number_of(database) == released + 2);
}

TEST_CASE("samples from before they knew more are read, without what nobody knew then") {
    const TemporaryFolder folder;
    const HandClock clock;
    {
        SQLite::Database old(folder.file("history.db"),
                             SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        constexpr std::size_t kBefore = 9;
        upgrade(old, schema_steps().first(kBefore));
        old.exec(
            "INSERT INTO migrations (guest_uuid, guest_name, source, destination, policy, "
            "started_unix_us, phase, outcome, downtime_limit_ms, blackout_ceiling_ms, "
            "predicted_converges, predicted_memory_sent_bytes, predicted_disk_sent_bytes) "
            "VALUES ('u', 'web', 'a', 'b', 'p', 1, 'ended', 'moved', 1, 1, 1, 0, 0);"
            "INSERT INTO samples (migration_id, sequence, elapsed_ms, progress_percent, job, "
            "iteration, memory_total_bytes, memory_remaining_bytes, memory_sent_bytes, "
            "disk_total_bytes, disk_remaining_bytes, disk_sent_bytes, dirty_bytes_per_s, "
            "bandwidth_bytes_per_s, throttle_percent) "
            "VALUES (1, 1, 5, 1, 'active', 1, 9, 8, 7, 0, 0, 0, 6, 5, 44)");
    }
    const auto story = opened(folder.file("history.db"), clock)->story(1);
    REQUIRE_MESSAGE(story.has_value(), message_of(story));
    REQUIRE(story->samples.size() == 1);
    const auto& sample = story->samples[0].sample;
    CHECK(sample.throttle_percent == 44);
    CHECK(!sample.delayed);
    CHECK(!sample.write_limit);
    CHECK(!sample.cpu);
    CHECK(story->watched.probe.empty());
    CHECK(story->watched.workload.empty());
    CHECK(!story->entry.measures.workload_speed);
}

TEST_CASE("a step that fails leaves the schema before it, whole") {
    const TemporaryFolder folder;
    const HandClock clock;
    opened(folder.file("history.db"), clock);
    SQLite::Database database(folder.file("history.db"), SQLite::OPEN_READWRITE);
    const int released = static_cast<int>(schema_steps().size());
    const auto steps = steps_and({"CREATE TABLE one (x)", "CREATE TABLE two (y); SELECT nonsense"});
    CHECK_THROWS_AS(upgrade(database, steps), SQLite::Exception);
    CHECK(number_of(database) == released + 1);
    CHECK(database.tableExists("one"));
    CHECK_FALSE(database.tableExists("two"));
}

TEST_CASE("an interrupted creation is completed") {
    const TemporaryFolder folder;
    const HandClock clock;
    // The file exists in WAL mode, but its creator died before the first step.
    SQLite::Database(folder.file("history.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec("PRAGMA journal_mode = WAL");
    CHECK(opened(folder.file("history.db"), clock, Store::Access::read_only)
              ->list({})
              .value()
              .empty());
    CHECK(opened(folder.file("history.db"), clock)
              ->journal()
              ->begin(plan_of("web", kUuid))
              .has_value());
}

TEST_CASE("the columns of measures and samples have the names of their JSON") {
    const TemporaryFolder folder;
    const HandClock clock;
    opened(folder.file("history.db"), clock);
    const SQLite::Database database(folder.file("history.db"), SQLite::OPEN_READONLY);
    const auto has_all = [&](const char* table, const Json& json) {
        for (const auto& [name, value] : json.items()) {
            SQLite::Statement column(database,
                                     "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?");
            column.bind(1, table);
            column.bind(2, name);
            REQUIRE(column.executeStep());
            CHECK_MESSAGE(column.getColumn(0).getInt() == 1, name);
        }
    };
    has_all("migrations", to_json(Measures{}));
    has_all("samples", to_json(Sample{}));
}
