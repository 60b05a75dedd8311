// SPDX-License-Identifier: GPL-2.0-or-later
//
// The history database: SQLite in WAL mode, numbered schema, never deleted, a newer schema is
// refused. Holds every migration with plan, timeline, steps, samples and measures, and the leases
// that keep two vmigrate from moving the same guest at once.
//
// Ownership: a Store owns its connection. Thread rule: one thread for each Store; several
// processes may have the same file open. Errors: ErrorKind::storage, the message names the file
// and says what to do (disk full, read-only, newer schema, not a database).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "orchestrator/journal.h"
#include "orchestrator/plan.h"
#include "orchestrator/types.h"

namespace vmigrate::history {

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
    Measures measures;
    /// The process that runs it is alive (only for one without outcome).
    bool holder_alive = false;
    int holder_pid = 0;
};

struct TimelineRow {
    WallTime at{};
    Phase phase = Phase::planned;
    std::string note;
};

struct StepRow {
    std::int64_t sequence = 0;
    Step step = Step::migrate;
    bool done = false;
    std::string detail;
};

struct SampleRow {
    milliseconds elapsed{};
    unsigned progress_percent = 0;
    Sample sample;
};

/// One migration with everything that is known of it: `vmigrate show ID`, `vmigrate recover`.
struct Story {
    Entry entry;
    std::string plan_json;  ///< the plan as `vmigrate plan --json` prints it
    std::vector<TimelineRow> timeline;
    std::vector<StepRow> steps;
    std::vector<SampleRow> samples;
};

struct Filter {
    std::optional<std::string> guest;  ///< name or UUID
    std::optional<Outcome> outcome;
    bool unfinished = false;  ///< only those without outcome
    std::size_t limit = 20;   ///< newest first; 0 = all
};

class Store {
  public:
    enum class Access { read_only, read_write };
    /// Opens, creating file and folder when writing. Reading a file that does not exist gives an
    /// empty history.
    static Result<std::unique_ptr<Store>> open(const std::string& path, Access access,
                                               const Clock& clock);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    Result<std::vector<Entry>> list(const Filter& filter);
    Result<Story> story(std::int64_t id);
    /// The newest sample of a migration.
    Result<std::optional<SampleRow>> last_sample(std::int64_t id);
    /// Id of the migration that holds the guest's lease, if any (name or UUID).
    Result<std::optional<std::int64_t>> lease_of(const std::string& guest);
    Result<PairHistory> pair_history(const std::string& source, const std::string& destination);
    Result<void> request_abort(std::int64_t id);

    /// A journal for a new migration. Borrows the store.
    std::unique_ptr<Journal> journal();
    /// Takes over an unfinished migration whose process is dead. Error (busy): it is alive.
    Result<std::unique_ptr<Journal>> adopt(std::int64_t id);

  private:
    Store();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vmigrate::history
