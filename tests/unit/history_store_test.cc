// LINK: vmigrate_history
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include "history/store.h"

#include <sys/stat.h>

#include <filesystem>

#include "orchestrator/json.h"
#include "unit/history_fixture.h"

using namespace vmigrate;
using namespace vmigrate::history;

namespace {

Record moved(std::int64_t id) {
    Record record;
    record.id = id;
    record.outcome = Outcome::moved;
    return record;
}

/// A migration from begin to finish; returns its id.
std::int64_t completed(Store& store, const Plan& plan, Record record) {
    const auto journal = store.journal();
    const auto id = journal->begin(plan);
    REQUIRE_MESSAGE(id.has_value(), message_of(id));
    record.id = *id;
    REQUIRE(journal->finish(record).has_value());
    return *id;
}

std::vector<std::int64_t> ids(const Result<std::vector<Entry>>& entries) {
    REQUIRE_MESSAGE(entries.has_value(), message_of(entries));
    std::vector<std::int64_t> result;
    for (const auto& entry : *entries) {
        result.push_back(entry.id);
    }
    return result;
}

using Ids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a history is made for its owner and group only, and so is what SQLite puts beside it") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto path =
        std::filesystem::path(folder.file("history.db")).parent_path() / "new" / "history.db";
    const auto writer = opened(path.string(), clock);
    REQUIRE(writer->journal()->begin(plan_of("web", kUuid)).has_value());
    const auto mode = [](const std::filesystem::path& of) {
        return static_cast<int>(std::filesystem::status(of).permissions());
    };
    const auto old = umask(0);
    umask(old);
    CHECK(mode(path) == (0640 & ~static_cast<int>(old)));
    CHECK(mode(path.string() + "-wal") == (0640 & ~static_cast<int>(old)));
    CHECK(mode(path.parent_path()) == (0750 & ~static_cast<int>(old)));
}

TEST_CASE("a history that does not exist yet is empty, and is found when it comes") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto reader = opened(folder.file("history.db"), clock, Store::Access::read_only);
    CHECK(ids(reader->list({})).empty());
    CHECK(reader->last_sample(1).value() == std::nullopt);
    CHECK(reader->lease_of("web").value() == std::nullopt);
    CHECK(reader->pair_history("a", "b").value().migrations == 0);
    CHECK(message_of(reader->story(7)) == "no migration 7 in the history");
    CHECK_FALSE(std::filesystem::exists(folder.file("history.db")));

    const auto writer = opened(folder.file("history.db"), clock);
    const auto journal = writer->journal();
    CHECK(journal->begin(plan_of("web", kUuid)).value() == 1);
    CHECK(ids(reader->list({})) == Ids{1});
}

TEST_CASE("a reader cannot write") {
    const TemporaryFolder folder;
    const HandClock clock;
    opened(folder.file("history.db"), clock);
    const auto reader = opened(folder.file("history.db"), clock, Store::Access::read_only);
    CHECK(reader->request_abort(1).error().kind == ErrorKind::internal);
    CHECK(reader->journal()->begin(plan_of("web", kUuid)).error().kind == ErrorKind::internal);
}

TEST_CASE("every field of a migration comes back") {
    const TemporaryFolder folder;
    HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto journal = store->journal();
    const auto plan = plan_of("web", kUuid);
    const auto started = clock.wall();
    const auto id = journal->begin(plan).value();

    clock.advance(milliseconds(1500));
    Sample sample;
    sample.at = clock.now();
    sample.job = JobState::postcopy_paused;
    sample.iteration = 3;
    sample.memory_total = gibibytes(4);
    sample.memory_remaining = mebibytes(17);
    sample.memory_sent = gibibytes(5);
    sample.disk_total = gibibytes(40);
    sample.disk_remaining = mebibytes(5);
    sample.disk_sent = gibibytes(41);
    sample.dirty_rate = {123456789};
    sample.bandwidth = {987654321};
    sample.expected_downtime = milliseconds(77);
    sample.throttle_percent = 20;
    sample.delayed = DelayedMemory{.active = true, .dirty = mebibytes(9)};
    sample.write_limit = BytesPerSecond{262144};
    sample.cpu = CpuUse{microseconds(12'345'678), microseconds(11'000'000)};
    Forecast forecast;
    forecast.convergence_ratio = 0.25;
    forecast.eta = milliseconds(30);
    forecast.eta_low = milliseconds(20);
    forecast.eta_high = milliseconds(40);
    CHECK(journal->sample(sample, 42, forecast).has_value());
    Sample unsure = sample;
    unsure.expected_downtime.reset();
    unsure.delayed.reset();
    unsure.write_limit.reset();
    unsure.cpu.reset();
    Forecast endless;
    endless.endless = true;
    CHECK(journal->sample(unsure, 43, endless).has_value());

    Record record;
    record.outcome = Outcome::moved_with_problems;
    record.reason = "because";
    record.problems = {"a \"volume\" stayed", "Ümläut"};
    record.interrupted = true;
    record.measures.setup = milliseconds(11);
    record.measures.call = milliseconds(13);
    record.measures.total = milliseconds(22);
    record.measures.memory_sent = Bytes{33};
    record.measures.disk_sent = Bytes{44};
    record.measures.blackout = microseconds(55);
    record.measures.guest_speed = 0.66;
    record.measures.throttled = milliseconds(77);
    record.measures.throttle_percent_max = 88;
    record.measures.workload_speed = 0.88;
    record.measures.write_limited = milliseconds(89);
    record.measures.write_limit_min = BytesPerSecond{90};
    record.measures.source_cpu = milliseconds(99);
    record.measures.destination_cpu = milliseconds(110);
    record.measures.bandwidth_mean = BytesPerSecond{121};
    record.measures.iterations = 132;
    record.measures.disks = DiskMeasures{Bytes{153}, 2, milliseconds(154)};
    record.measures.probe = ProbeCounts{143, 14, 15, 16, microseconds(17)};
    const auto begun = clock.now() - milliseconds(1500);
    record.watched.probe = {{begun - milliseconds(700), milliseconds(800), 750, 0},
                            {begun + milliseconds(100), milliseconds(100), 98, 21}};
    record.watched.workload = {{begun - microseconds(1500), 5},
                               {begun + milliseconds(90), 1234567}};
    clock.advance(milliseconds(500));
    CHECK(journal->finish(record).has_value());

    const auto told = store->story(id);
    REQUIRE_MESSAGE(told.has_value(), message_of(told));
    const auto& entry = told->entry;
    CHECK(entry.id == id);
    CHECK(entry.guest.uuid == kUuid);
    CHECK(entry.guest.name == "web");
    CHECK(entry.source == "north");
    CHECK(entry.destination == "south");
    CHECK(entry.policy == "gentle");
    CHECK(entry.started == started);
    CHECK(entry.ended == clock.wall());
    CHECK(entry.phase == Phase::ended);
    CHECK(entry.outcome == record.outcome);
    CHECK(entry.reason == record.reason);
    CHECK(entry.problems == record.problems);
    CHECK(entry.interrupted);
    CHECK_FALSE(entry.holder_alive);
    CHECK(entry.holder_pid == 0);
    CHECK(entry.expected.downtime_limit == milliseconds(250));
    CHECK(entry.expected.blackout_ceiling == milliseconds(900));
    CHECK(entry.expected.converges);
    CHECK(entry.expected.total == milliseconds(12345));
    CHECK(entry.expected.blackout == milliseconds(87));
    CHECK(entry.expected.memory_sent == mebibytes(700));
    CHECK(entry.expected.disk_sent == mebibytes(30));
    CHECK(line(to_json(entry.measures)) == line(to_json(record.measures)));
    CHECK(entry.measures.probe->longest_gap == microseconds(17));
    CHECK(entry.measures.probe->reordered == 16);
    REQUIRE(entry.measures.disks);
    CHECK(entry.measures.disks->compared == Bytes{153});
    CHECK(entry.measures.disks->mismatches == 2);
    CHECK(entry.measures.disks->took == milliseconds(154));
    CHECK(told->plan_json == line(to_json(plan)));
    REQUIRE(told->samples.size() == 2);
    CHECK(told->samples[0].elapsed == milliseconds(1500));
    CHECK(told->samples[0].progress_percent == 42);
    CHECK(told->samples[0].sample.at == TimePoint(milliseconds(1500)));
    CHECK(line(to_json(told->samples[0].sample)) == line(to_json(sample)));
    CHECK(line(to_json(told->samples[0].forecast)) == line(to_json(forecast)));
    CHECK(line(to_json(told->samples[1].sample)) == line(to_json(unsure)));
    CHECK(line(to_json(told->samples[1].forecast)) == line(to_json(endless)));
    const auto& watched = told->watched;
    REQUIRE(watched.probe.size() == 2);
    CHECK(watched.probe[0].at == TimePoint(milliseconds(-700)));
    CHECK(watched.probe[0].length == milliseconds(800));
    CHECK(watched.probe[0].sent == 750);
    CHECK(watched.probe[1].at == TimePoint(milliseconds(100)));
    CHECK(watched.probe[1].sent == 98);
    CHECK(watched.probe[1].lost == 21);
    REQUIRE(watched.workload.size() == 2);
    CHECK(watched.workload[0].at == TimePoint(milliseconds(-2)));
    CHECK(watched.workload[0].count == 5);
    CHECK(watched.workload[1].at == TimePoint(milliseconds(90)));
    CHECK(watched.workload[1].count == 1234567);
    CHECK(store->last_sample(id).value()->progress_percent == 43);

    const auto listed = store->list({}).value();
    REQUIRE(listed.size() == 1);
    CHECK(line(to_json(listed[0].measures)) == line(to_json(record.measures)));
}

TEST_CASE("what was not measured stays unknown, not zero") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    auto plan = plan_of("web", kUuid);
    plan.prediction.converges = false;
    plan.prediction.total = milliseconds::max();
    const auto id = completed(*store, plan, moved(1));
    const auto entry = store->story(id).value().entry;
    CHECK(line(to_json(entry.measures)) == line(to_json(Measures{})));
    CHECK_FALSE(entry.expected.converges);
    CHECK(entry.expected.total == std::nullopt);
}

TEST_CASE("sizes beyond what SQLite can count saturate") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    auto record = moved(1);
    record.measures.memory_sent = Bytes{~std::uint64_t{0}};
    const auto id = completed(*store, plan_of("web", kUuid), record);
    CHECK(store->story(id).value().entry.measures.memory_sent == Bytes{~std::uint64_t{0} >> 1U});
}

TEST_CASE("list: newest first, by guest, by outcome, unfinished, limited") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    auto failed = moved(0);
    failed.outcome = Outcome::failed_on_source;
    completed(*store, plan_of("web", kUuid), moved(0));      // 1
    completed(*store, plan_of("db", kOtherUuid), moved(0));  // 2
    completed(*store, plan_of("web", kUuid), failed);        // 3
    completed(*store, plan_of("db", kOtherUuid), failed);    // 4
    const auto journal = store->journal();
    REQUIRE(journal->begin(plan_of("web", kUuid)).value() == 5);

    CHECK(ids(store->list({})) == Ids{5, 4, 3, 2, 1});
    CHECK(ids(store->list({.limit = 2})) == Ids{5, 4});
    CHECK(ids(store->list({.limit = 0})) == Ids{5, 4, 3, 2, 1});
    CHECK(ids(store->list({.guest = "web"})) == Ids{5, 3, 1});
    CHECK(ids(store->list({.guest = kOtherUuid})) == Ids{4, 2});
    CHECK(ids(store->list({.guest = "33333333-AAAA-BBBB-CCCC-444444444444"})) == Ids{4, 2});
    CHECK(ids(store->list({.guest = "nobody"})).empty());
    CHECK(ids(store->list({.outcome = Outcome::failed_on_source})) == Ids{4, 3});
    CHECK(ids(store->list({.guest = "web", .outcome = Outcome::moved})) == Ids{1});
    CHECK(ids(store->list({.unfinished = true})) == Ids{5});
    CHECK(ids(store->list({.guest = "db", .unfinished = true})).empty());
    CHECK(ids(store->list({.guest = "web", .unfinished = true, .limit = 1})) == Ids{5});

    const auto running = store->list({.unfinished = true}).value().at(0);
    CHECK(running.outcome == std::nullopt);
    CHECK(running.ended == std::nullopt);
    CHECK(running.holder_alive);
    CHECK(running.holder_pid == getpid());
}

TEST_CASE("names with quotes, spaces, dashes, other scripts and broken UTF-8 are only names") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("hist'ory ö?#%41 \".db"), clock);
    const std::vector<std::string> names = {"o'brien'; DROP TABLE migrations; --",
                                            "-web",
                                            "two  words",
                                            "\"x\"",
                                            "名前 ñ",
                                            "tab\tnew\nline",
                                            "broken \xff\xfe",
                                            "%_?1"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto id = completed(*store, plan_of(names[i], kUuid), moved(0));
        CHECK(id == static_cast<std::int64_t>(i + 1));
        const auto found = store->list({.guest = names[i]}).value();
        REQUIRE(found.size() == 1);
        CHECK(found[0].guest.name == names[i]);
        CHECK(store->story(id).has_value());
    }
    CHECK(std::filesystem::exists(folder.file("hist'ory ö?#%41 \".db")));
}

TEST_CASE("a lease is found by name and UUID, and gone after the end") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto journal = store->journal();
    const auto id = journal->begin(plan_of("web", kUuid)).value();
    CHECK(store->lease_of("web").value() == id);
    CHECK(store->lease_of(kUuid).value() == id);
    CHECK(store->lease_of("db").value() == std::nullopt);
    REQUIRE(journal->finish(moved(id)).has_value());
    CHECK(store->lease_of("web").value() == std::nullopt);
}

TEST_CASE("an abort is asked for through the database, once there is something to abort") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto runner = opened(folder.file("history.db"), clock);
    const auto other = opened(folder.file("history.db"), clock);
    CHECK(other->request_abort(1).error().kind == ErrorKind::not_found);
    const auto journal = runner->journal();
    CHECK_FALSE(journal->abort_requested());
    const auto id = journal->begin(plan_of("web", kUuid)).value();
    CHECK_FALSE(journal->abort_requested());
    CHECK(other->request_abort(id).has_value());
    CHECK(journal->abort_requested());
    REQUIRE(journal->finish(moved(id)).has_value());
    CHECK(message_of(other->request_abort(id)) == "migration 1 has ended (moved)");
}

TEST_CASE("a change is asked for through the database, and answered") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto runner = opened(folder.file("history.db"), clock);
    const auto other = opened(folder.file("history.db"), clock);
    CHECK(other->request_tune(1, {{"timeout", "5m"}}).error().kind == ErrorKind::not_found);
    const auto journal = runner->journal();
    CHECK(journal->tune_requests().empty());
    const auto id = journal->begin(plan_of("web", kUuid)).value();
    const auto first = other->request_tune(id, {{"timeout", "5m"}, {"bandwidth", "a=b"}}).value();
    const auto second = other->request_tune(id, {{"auto-converge", "off"}}).value();
    CHECK(other->tune_answer(id, first).value() == std::nullopt);

    const auto requests = journal->tune_requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].sequence == first);
    REQUIRE(requests[0].settings.size() == 2);
    CHECK(requests[0].settings[1].key == "bandwidth");
    CHECK(requests[0].settings[1].value == "a=b");
    REQUIRE(journal->answer(requests[0], {TuneFate::refused, "no rate"}).has_value());
    const auto answer = other->tune_answer(id, first).value();
    REQUIRE(answer);
    CHECK(answer->fate == TuneFate::refused);
    CHECK(answer->reason == "no rate");
    REQUIRE(journal->tune_requests().size() == 1);
    CHECK(journal->tune_requests()[0].sequence == second);

    REQUIRE(journal->finish(moved(id)).has_value());
    CHECK(message_of(other->request_tune(id, {})) == "migration 1 has ended (moved)");
}

TEST_CASE("what a pair of hosts achieved: medians of the newest that moved") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    CHECK(store->pair_history("north", "south").value().migrations == 0);

    auto plan = plan_of("web", kUuid);
    plan.prediction.disk_sent = {};
    plan.prediction.pause = milliseconds(10);
    auto record = moved(0);
    for (const std::uint64_t bandwidth : {900, 900, 900, 900, 900}) {  // beyond the newest 20
        record.measures.bandwidth_mean = BytesPerSecond{bandwidth};
        completed(*store, plan, record);
    }
    for (std::uint64_t i = 1; i <= 18; ++i) {
        record.measures.bandwidth_mean = BytesPerSecond{i};
        // 10 ms were predicted: beyond it by -5, -4, -3, ...
        record.measures.blackout = milliseconds(4 + static_cast<std::int64_t>(i));
        completed(*store, plan, record);
    }
    record.outcome = Outcome::moved_with_problems;
    record.measures.bandwidth_mean = BytesPerSecond{1000};
    completed(*store, plan, record);
    record.measures.bandwidth_mean.reset();
    record.measures.blackout.reset();
    completed(*store, plan, record);
    record.outcome = Outcome::failed_on_source;
    record.measures.bandwidth_mean = BytesPerSecond{7777};
    completed(*store, plan, record);

    const auto history = store->pair_history("north", "south").value();
    CHECK(history.migrations == 20);
    CHECK(history.bandwidth == BytesPerSecond{10});    // of 1..18 and 1000
    CHECK(history.overhead == milliseconds(14 - 10));  // of 19 blackouts, 5..22 and 22
    CHECK(store->pair_history("south", "north").value().migrations == 0);
    CHECK(store->pair_history("south", "north").value().bandwidth == std::nullopt);
}

TEST_CASE("a long pause that was predicted says nothing of what else a blackout consists of") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    auto plan = plan_of("web", kUuid);
    plan.prediction.disk_sent = {};
    auto record = moved(0);
    record.measures.blackout = milliseconds(70);
    plan.prediction.pause = milliseconds(60);
    completed(*store, plan, record);
    CHECK(store->pair_history("north", "south").value().overhead == std::nullopt);
    plan.prediction.pause = milliseconds(15);
    completed(*store, plan, record);
    CHECK(store->pair_history("north", "south").value().overhead == milliseconds(55));
}

TEST_CASE("what was held by its limit, compressed or beside a disk says nothing of the link") {
    const TemporaryFolder folder;
    const HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    auto record = moved(0);
    record.measures.setup = milliseconds(700);
    record.measures.bandwidth_mean = BytesPerSecond{95};
    auto plan = plan_of("web", kUuid);
    completed(*store, plan, record);
    CHECK(store->pair_history("north", "south").value().bandwidth == std::nullopt);
    CHECK(store->pair_history("north", "south").value().setup == std::nullopt);

    plan.prediction.disk_sent = {};
    plan.call.bandwidth = BytesPerSecond{100};
    completed(*store, plan, record);
    plan.call.bandwidth = {};
    plan.call.qemu.capabilities["lz4"] = true;
    completed(*store, plan, record);
    CHECK(store->pair_history("north", "south").value().bandwidth == std::nullopt);
    CHECK(store->pair_history("north", "south").value().setup == milliseconds(700));

    plan.call.qemu.capabilities["lz4"] = false;
    completed(*store, plan, record);
    CHECK(store->pair_history("north", "south").value().bandwidth == BytesPerSecond{95});
    CHECK(store->pair_history("north", "south").value().setup == milliseconds(700));
    plan.call.bandwidth = BytesPerSecond{1000};  // far from it: the link is slower
    record.measures.bandwidth_mean = BytesPerSecond{80};
    completed(*store, plan, record);
    CHECK(store->pair_history("north", "south").value().bandwidth == BytesPerSecond{80});
}

TEST_CASE("migrations are chosen by hosts, policy and when they were started") {
    const TemporaryFolder folder;
    HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    auto plan = plan_of("web", kUuid);
    const auto first = completed(*store, plan, moved(0));
    clock.advance(std::chrono::hours(1));
    const auto between = clock.wall();
    plan.source.name = "south";
    plan.destination.host.name = "north";
    plan.request.policy = "fast";
    const auto second = completed(*store, plan, moved(0));

    const auto chosen = [&](auto set) {
        Filter filter;
        set(filter);
        return ids(store->list(filter));
    };
    CHECK(chosen([](Filter& f) { f.source = "south"; }) == Ids{second});
    CHECK(chosen([](Filter& f) { f.destination = "south"; }) == Ids{first});
    CHECK(chosen([](Filter& f) { f.policy = "fast"; }) == Ids{second});
    CHECK(chosen([&](Filter& f) { f.since = between; }) == Ids{second});
    CHECK(chosen([&](Filter& f) { f.until = between; }) == Ids{first});
    CHECK(chosen([&](Filter& f) {
              f.until = between;
              f.source = "south";
          }).empty());
    CHECK(chosen([&](Filter& f) {
              f.guest = "web";
              f.outcome = Outcome::moved;
              f.policy = "gentle";
          }) == Ids{first});
}

TEST_CASE("only what has ended well known and long ago is forgotten, with all of its rows") {
    const TemporaryFolder folder;
    HandClock clock;
    const auto store = opened(folder.file("history.db"), clock);
    const auto plan = plan_of("web", kUuid);
    auto seen = moved(0);
    seen.watched.probe = {{clock.now(), milliseconds(100), 99, 1}};
    seen.watched.workload = {{clock.now(), 1}};
    const auto old = completed(*store, plan, seen);
    auto lost = moved(0);
    lost.outcome = Outcome::unknown;
    const auto unknown = completed(*store, plan_of("lost", kOtherUuid), lost);
    clock.advance(std::chrono::hours(1));
    const auto between = clock.wall();
    clock.advance(std::chrono::hours(1));
    const auto young = completed(*store, plan, moved(0));
    const auto journal = store->journal();
    const auto running = journal->begin(plan).value();

    CHECK(store->prune(between).value() == 1);
    CHECK(ids(store->list({})) == Ids{running, young, unknown});
    CHECK(store->story(old).error().kind == ErrorKind::not_found);
    CHECK(store->story(young).value().plan_json.size() > 2);
    const SQLite::Database file(folder.file("history.db"), SQLite::OPEN_READONLY);
    for (const auto* table :
         {"plans", "timeline", "steps", "samples", "probe_slices", "workload_readings"}) {
        const auto sql = "SELECT count(*) FROM " + std::string(table) +
                         " WHERE migration_id = " + std::to_string(old);
        SQLite::Statement rows(file, sql);
        REQUIRE(rows.executeStep());
        CHECK_MESSAGE(rows.getColumn(0).getInt() == 0, table);
    }
    CHECK(store->prune(between).value() == 0);
    CHECK(store->prune(clock.wall() + std::chrono::hours(1)).value() == 1);
    CHECK(ids(store->list({})) == Ids{running, unknown});
}
