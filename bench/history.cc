// SPDX-License-Identifier: GPL-2.0-or-later
//
// See bench/history. One migration is recorded through the Store, the others are copies of it made
// in SQL: only the size of the history matters here.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "history/store.h"

namespace {

using namespace vmigrate;
using namespace vmigrate::history;
using std::chrono::steady_clock;

constexpr int kRepeats = 11;
constexpr int kSamples = 1000;  // of one migration that has any: four minutes
constexpr int kMigrationsPerSampled = 33;
const SystemClock kClock;

[[noreturn]] void give_up(const std::string& message) {
    fmt::print(stderr, "bench_history: {}\n", message);
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) {
        give_up(result.error().message);
    }
    return std::move(*result);
}

void must(const Result<void>& result) {
    if (!result) {
        give_up(result.error().message);
    }
}

void print_heading(const std::string& text) {
    fmt::print("{:<44} {:>10} {:>10} {:>10}\n", text, "median ms", "max ms", "CPU ms");
}

/// Processor time of this process and of the children it waited for.
double cpu_ms() {
    double sum = 0;
    for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage use{};
        getrusage(who, &use);
        for (const auto& time : {use.ru_utime, use.ru_stime}) {
            sum += static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
        }
    }
    return sum;
}

/// The CPU time (mean) is what remains comparable on a busy machine.
void print_times(const std::string& what, const std::function<void()>& action) {
    std::vector<double> times;
    const double cpu_before = cpu_ms();
    for (int i = 0; i < kRepeats; ++i) {
        const auto start = steady_clock::now();
        action();
        times.push_back(
            std::chrono::duration<double, std::milli>(steady_clock::now() - start).count());
    }
    const double cpu = (cpu_ms() - cpu_before) / kRepeats;
    std::sort(times.begin(), times.end());
    fmt::print("{:<44} {:>10.3f} {:>10.3f} {:>10.3f}\n", what, times[kRepeats / 2], times.back(),
               cpu);
}

Plan plan_of(const std::string& name) {
    Plan plan;
    plan.guest.ref = {name, name};
    plan.source.name = "host0";
    plan.destination.host.name = "host1";
    plan.request.policy = "default";
    for (int i = 0; i < 25; ++i) {  // as many as a real plan has, as long
        plan.checks.push_back({fmt::format("check-{}", i), Check::Verdict::passed,
                               "a finding with its numbers, about as long as they are", ""});
    }
    return plan;
}

/// One complete migration, as `vmigrate start` records it, with all its costs printed.
void record_one(Store& store) {
    print_heading("Writing");
    std::unique_ptr<Journal> journal;
    int number = 0;
    print_times("begin (durable)", [&] {
        journal = store.journal();
        must(journal->begin(plan_of(fmt::format("warm-up{}", number++))));
    });
    print_times("phase (durable)", [&] { must(journal->phase(Phase::precopy, "a note")); });
    print_times("intend + done (durable)", [&] {
        must(journal->intend(Step::migrate, ""));
        must(journal->done(Step::migrate, ""));
    });
    Sample sample;
    sample.memory_total = gibibytes(4);
    sample.memory_remaining = gibibytes(1);
    sample.bandwidth = {110'000'000};
    print_times("sample", [&] {
        sample.at = kClock.now();
        must(journal->sample(sample, 42, {}));
    });
    print_times("abort_requested", [&] { static_cast<void>(journal->abort_requested()); });
    for (int i = kRepeats; i < kSamples; ++i) {
        must(journal->sample(sample, 42, {}));
    }
    Record record;
    record.outcome = Outcome::moved;
    record.measures.blackout = microseconds(37'000);
    record.measures.bandwidth_mean = BytesPerSecond{110'000'000};
    must(journal->finish(record));
}

/// The columns of a table except `own`, which the copies give values of their own.
std::string other_columns(const SQLite::Database& database, const std::string& table,
                          const std::string& own) {
    SQLite::Statement statement(
        database, fmt::format("SELECT group_concat(name) FROM pragma_table_info('{}') "
                              "WHERE name NOT IN ({})",
                              table, own));
    statement.executeStep();
    return statement.getColumn(0).getString();
}

void copy(const std::string& path, int migrations) {
    SQLite::Database database(path, SQLite::OPEN_READWRITE);
    database.exec("PRAGMA synchronous = OFF");
    SQLite::Transaction transaction(database);
    database.exec(fmt::format(
        "CREATE TEMP TABLE number AS WITH RECURSIVE up(i) AS "
        "(SELECT {0} + 1 UNION ALL SELECT i + 1 FROM up WHERE i < {1}) SELECT i FROM up",
        kRepeats, migrations));
    const auto rest = other_columns(database, "migrations",
                                    "'id', 'guest_uuid', 'guest_name', 'source', 'destination', "
                                    "'outcome', 'ended_unix_us'");
    // 1000 guests, 8 hosts; one of 50 failed.
    database.exec(fmt::format(
        "INSERT INTO migrations (id, guest_uuid, guest_name, source, destination, outcome, "
        "ended_unix_us, {0}) SELECT i, 'uuid' || (i % 1000), 'guest' || (i % 1000), "
        "'host' || (i % 8), 'host' || ((i + 1) % 8), iif(i % 50, 'moved', 'failed-on-source'), "
        "ended_unix_us, {0} "
        "FROM number, migrations WHERE id = {1}",
        rest, kRepeats));
    for (const auto* const table : {"plans", "timeline", "steps", "samples"}) {
        const std::string text = table;
        const auto columns = other_columns(database, text, "'migration_id'");
        database.exec(fmt::format(
            "INSERT INTO {0} (migration_id, {1}) SELECT i, {1} FROM number, {0} "
            "WHERE migration_id = {2} {3} ORDER BY i",
            text, columns, kRepeats,
            text == "samples" ? fmt::format("AND i % {} = 0", kMigrationsPerSampled) : ""));
    }
    transaction.commit();
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    SQLite::Statement samples(database, "SELECT count(*) FROM samples");
    samples.executeStep();
    fmt::print("\nHistory: {} migrations, {} samples, {:.0f} MiB\n\n", migrations,
               samples.getColumn(0).getInt64(),
               static_cast<double>(std::filesystem::file_size(path)) / (1U << 20U));
}

void ask_library(const std::string& path, int migrations) {
    print_heading("Asking the library, opened anew each time");
    const auto ask = [&](const std::string& what, const std::function<void(Store&)>& question) {
        print_times(what, [&] {
            const auto store = must(Store::open(path, Store::Access::read_only, kClock));
            question(*store);
        });
    };
    const auto list = [](const Filter& filter) {
        return [filter](Store& store) { must(store.list(filter)); };
    };
    const auto sampled = migrations / kMigrationsPerSampled * kMigrationsPerSampled;
    ask("list: newest 20", list({}));
    ask("list: newest 20 of a guest", list({.guest = "guest77"}));
    ask("list: newest 20 of a guest that moved",
        list({.guest = "guest77", .outcome = Outcome::moved}));
    ask("list: newest 20 that failed", list({.outcome = Outcome::failed_on_source}));
    ask("list: unfinished", list({.unfinished = true}));
    ask("list: a guest that is not there", list({.guest = "nobody"}));
    ask("list: everything", list({.limit = 0}));
    ask("story: the newest", [&](Store& store) { must(store.story(migrations)); });
    ask(fmt::format("story: one with {} samples", kSamples),
        [&](Store& store) { must(store.story(sampled)); });
    ask("last_sample", [&](Store& store) { must(store.last_sample(sampled)); });
    ask("lease_of", [](Store& store) { must(store.lease_of("guest77")); });
    ask("pair_history", [](Store& store) { must(store.pair_history("host3", "host4")); });
}

void ask_command(const std::string& vmigrate) {
    fmt::print("\n");
    print_heading("Asking the command");
    using Words = std::vector<std::string>;
    for (const auto& words :
         {Words{"version"}, Words{"status"}, Words{"status", "guest77"}, Words{"history"},
          Words{"history", "guest77"}, Words{"history", "--outcome", "failed-on-source"}}) {
        std::string shown = "vmigrate";
        for (const auto& word : words) {
            shown += " " + word;
        }
        std::string failed;
        print_times(shown, [&] {
            std::vector<char*> arguments = {const_cast<char*>(vmigrate.c_str())};
            for (const auto& word : words) {
                arguments.push_back(const_cast<char*>(word.c_str()));
            }
            arguments.push_back(nullptr);
            posix_spawn_file_actions_t actions;
            posix_spawn_file_actions_init(&actions);
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
            pid_t child = 0;
            int status = -1;
            if (posix_spawn(&child, vmigrate.c_str(), &actions, nullptr, arguments.data(),
                            environ) == 0) {
                waitpid(child, &status, 0);
            }
            posix_spawn_file_actions_destroy(&actions);
            failed = status == 0 ? failed : fmt::format("  it failed: {}", status);
        });
        if (!failed.empty()) {
            fmt::print("{}\n", failed);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string folder = argc > 1 ? argv[1] : "";
    const int migrations = argc > 2 ? std::atoi(argv[2]) : 0;
    if (migrations <= kRepeats) {
        give_up(
            fmt::format("usage: bench_history FOLDER MIGRATIONS [VMIGRATE]; more than {} "
                        "migrations",
                        kRepeats));
    }
    const auto path = folder + "/history.db";
    {
        const auto store = must(Store::open(path, Store::Access::read_write, kClock));
        record_one(*store);
    }
    copy(path, migrations);
    ask_library(path, migrations);
    if (argc > 3 && *argv[3] != '\0') {
        const auto config = folder + "/vmigrate.toml";
        std::ofstream(config) << "[history]\npath = \"" << path << "\"\n";
        setenv("VMIGRATE_CONFIG", config.c_str(), 1);
        ask_command(argv[3]);
    }
    return 0;
}
