// SPDX-License-Identifier: GPL-2.0-or-later
//
// The history database: SQLite in WAL mode, numbered schema, never deleted, a newer schema is
// refused. Holds every migration with plan, timeline, steps, samples and measures, and the leases
// that keep two vmigrate from moving the same guest at once. The tables are in schema.cc.
//
// Ownership: a Store owns its connection, its journals borrow it. Thread rule: one thread for each
// Store with its journals; open it after fork(), not before. Several processes may have the same
// file open; what one writes the others see at once. Errors: ErrorKind::storage, the message names
// the file and says what to do (disk full, read-only, newer schema, not a database).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "orchestrator/drain.h"
#include "orchestrator/emulator_memory.h"
#include "orchestrator/journal.h"
#include "orchestrator/location.h"
#include "orchestrator/plan.h"
#include "orchestrator/tune.h"
#include "orchestrator/types.h"

namespace vmigrate::history {

/// What was asked for and expected before it began, to be held against the measures.
struct Expectation {
    milliseconds downtime_limit{};
    milliseconds blackout_ceiling{};
    bool converges = true;
    std::optional<milliseconds> total;  ///< nothing: it would never have ended
    std::optional<milliseconds> blackout;
    Bytes memory_sent;
    Bytes disk_sent;
};

/// The drain of a migration that has moved its guest.
struct Drain {
    DrainReport report;
    WallTime began{};
    std::optional<WallTime> ended;
    /// Of the process that drains, as in Entry; only while it is under way.
    bool holder_alive = false;
    int holder_pid = 0;
};

/// A migration as stored: one line of `vmigrate history`.
struct Entry {
    std::int64_t id = 0;
    GuestRef guest;
    std::string source;
    std::string destination;
    std::string policy;
    WallTime started{};
    std::optional<WallTime> ended;
    Phase phase = Phase::planned;
    std::optional<Outcome> outcome;  ///< nothing while it runs, or after its process died
    std::string reason;
    std::vector<std::string> problems;
    bool interrupted = false;      ///< by a signal
    bool source_to_clear = false;  ///< it moved its guest, and not all of it is gone there
    Expectation expected;
    Measures measures;
    /// The process that runs it is alive, or out of sight on another machine (only for one
    /// without outcome).
    bool holder_alive = false;
    int holder_pid = 0;
    std::optional<Drain> drain;  ///< nothing where nothing was left to be drained
};

/// Whether it could not take back all of what it had made, or not clear the source: a host was
/// silent, say.
bool left_something(const Entry& entry);

struct TimelineRow {
    WallTime at{};
    Phase phase = Phase::planned;
    std::string note;
};

/// One intended step; `done` completes it.
struct StepRow {
    std::int64_t sequence = 0;
    Step step = Step::migrate;
    bool done = false;
    std::string detail;  ///< what `done` said when it said something, else what `intend` said
};

struct SampleRow {
    milliseconds elapsed{};  ///< since the migration began
    unsigned progress_percent = 0;
    Sample sample;  ///< its `at` is `elapsed` on a clock that starts with the migration
    Forecast forecast;
};

/// One migration with everything that is known of it: `vmigrate show ID`, `vmigrate recover`.
struct Story {
    Entry entry;
    std::string plan_json;  ///< the plan as `vmigrate plan --json` prints it
    std::vector<TimelineRow> timeline;
    std::vector<StepRow> steps;
    std::vector<SampleRow> samples;
    Observations watched;  ///< its times as those of the samples
};

struct Filter {
    std::optional<std::string> guest{};  ///< name or UUID
    std::optional<Outcome> outcome{};    ///< ignored with `unfinished`
    std::optional<std::string> source{};
    std::optional<std::string> destination{};
    std::optional<std::string> policy{};
    std::optional<WallTime> since{};  ///< when it was started
    std::optional<WallTime> until{};
    bool unfinished = false;  ///< only those without outcome
    bool draining = false;    ///< only those whose drain is under way, or broke off
    std::size_t limit = 20;   ///< newest first; 0 = all
};

/// Whose migration may be taken over.
enum class Takeover {
    from_the_dead,      ///< its process is known to be gone
    from_out_of_sight,  ///< also one on another machine: the user says that it is gone
};

class Evacuations;

class Store {
  public:
    enum class Access { read_only, read_write };
    /// Opens, creating file and folder when writing. Reading a file that does not exist gives an
    /// empty history (until it exists).
    static Result<std::unique_ptr<Store>> open(const std::string& path, Access access,
                                               const Clock& clock);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    Result<std::vector<Entry>> list(const Filter& filter);
    /// One migration without its story. Error (not_found): no such migration.
    Result<Entry> find(std::int64_t id);
    /// Error (not_found): no such migration.
    Result<Story> story(std::int64_t id);
    /// The newest sample of a migration.
    Result<std::optional<SampleRow>> last_sample(std::int64_t id);
    /// Id of the migration that holds the guest's lease, if any (name or UUID).
    Result<std::optional<std::int64_t>> lease_of(const std::string& guest);
    /// Medians over the newest 20 migrations that moved between the two hosts.
    Result<PairHistory> pair_history(const std::string& source, const std::string& destination);
    /// Errors: not_found; usage: it has ended, or its process is dead and `recover` is the way.
    Result<void> request_abort(std::int64_t id);
    /// Forgets the migrations that ended before, with all that is stored of them, except those
    /// whose end is not known or whose drain is under way; returns how many.
    Result<std::size_t> prune(WallTime ended_before);
    /// Leaves a request for the process that runs the migration; returns its sequence. Errors: as
    /// request_abort.
    Result<std::int64_t> request_tune(std::int64_t id, const std::vector<Setting>& settings);
    /// What became of it; nothing as long as that process has not looked at it.
    Result<std::optional<TuneAnswer>> tune_answer(std::int64_t id, std::int64_t sequence);

    /// Makes this process the one that drains what the migration has left, and gives what it has to
    /// know. Errors: not_found (nothing was left); usage (it has been drained); busy (another
    /// process is at it, and alive or out of sight).
    Result<std::string> take_drain(std::int64_t id);
    /// Lets another process take it; nothing happens where a third one has it.
    Result<void> give_drain(std::int64_t id);

    /// Of whole hosts; see evacuations.h. Borrows the store.
    std::unique_ptr<Evacuations> evacuations();
    /// Where guests are. Borrows the store.
    std::unique_ptr<LocationRegistry> locations();
    /// What emulators have answered. Borrows the store.
    std::unique_ptr<EmulatorMemory> emulators();
    /// A journal for a new migration. Borrows the store.
    std::unique_ptr<Journal> journal();
    /// Takes over a migration whose process is dead, or that ended with the outcome unknown: it is
    /// unfinished again, in the phase it had reached; read its story afterwards. Errors: busy (it
    /// is alive, or another migration holds the guest); not_found; usage (there is nothing to
    /// recover: it has ended, or the guest was moved again since).
    Result<std::unique_ptr<Journal>> adopt(std::int64_t id,
                                           Takeover takeover = Takeover::from_the_dead);

  private:
    Store();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmigrate::history
