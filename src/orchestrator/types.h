// SPDX-License-Identifier: GPL-2.0-or-later
//
// The words of vmigrate as types: start reading here. Every other header, the JSON output, the
// history database and the man pages use these names. Values only; no I/O, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace vmigrate {

/// Forward only. The comment names the successor and, after the slash, what a failure leads to.
enum class Phase {
    planned,   ///< preflight passed, lease taken        -> locked   / ended (source runs)
    locked,    ///< originals saved, volumes being made  -> prepared / ended, undone
    prepared,  ///< destination exists, paused           -> precopy  / ended, undone
    precopy,   ///< iterations                           -> handover / ended, undone
    handover,  ///< no vCPU runs anywhere                -> switched / ended, source resumes
    switched,  ///< destination runs (post-copy included)-> draining / forward only
    draining,  ///< leftovers of the source go away      -> ended    / forward only
    ended
};

/// How a migration ended. The same words in JSON, SQL and the exit codes.
enum class Outcome { moved, moved_with_problems, failed_on_source, unknown };

enum class Side { source, destination };

/// What a daemon says about a guest when asked.
enum class GuestState {
    running,
    paused,       ///< exists with all its memory, no vCPU runs
    incoming,     ///< exists paused, waiting for (or receiving) a migration stream
    shut_off,     ///< defined, no process
    absent,       ///< the daemon answers and knows no such guest
    unreachable,  ///< the daemon does not answer: we do not know
};

/// State of QEMU's migration as libvirt reports it.
enum class JobState {
    none,
    active,
    device,
    postcopy,
    postcopy_paused,
    completed,
    failed,
    cancelled
};

/// A post-copy, as both daemons tell of it.
enum class PostcopyState {
    none,       ///< there is none, or it is over
    arriving,   ///< the source has let the guest go, the destination does not tell of it yet
    running,    ///< the destination runs the guest, the rest of its memory is on its way
    broken,     ///< the same, but it goes on only when it is resumed
    unnoticed,  ///< broken, but the destination's QEMU has not noticed yet, and may hang
    stranded,   ///< broken before it was running, or after all memory had come
};

std::string_view name_of(Phase phase);
std::string_view name_of(Outcome outcome);
std::string_view name_of(Side side);
std::string_view name_of(GuestState state);
std::string_view name_of(JobState state);
std::optional<Phase> phase_named(std::string_view name);
std::optional<Outcome> outcome_named(std::string_view name);

/// Who moves: the UUID is the identity, the name is for people.
struct GuestRef {
    std::string uuid;
    std::string name;
};

/// What the patched QEMU tells of disks that it copies in the stream of the memory.
struct StreamDisks {
    bool bulk_completed = false;  ///< all of them have been copied once
    Bytes dirty;                  ///< blocks that were written to since they were sent
    std::uint64_t iterations = 0;
    Bytes iteration_dirty;      ///< when the last iteration began
    Bytes iteration_new_dirty;  ///< that became dirty during it
};

/// How far libvirt's copy of a disk, a mirror job of QEMU's, is.
struct Mirror {
    Bytes copied;        ///< also what was copied again
    Bytes remaining;     ///< of the first full copy, and what the guest has written since
    bool ready = false;  ///< nothing has remained for a moment
};

/// A disk that is being copied, and what the guest writes to it.
struct DiskCopy {
    std::string target;  ///< "vda"
    Bytes written;       ///< by the guest since its QEMU was started
    std::optional<Mirror> mirror;
};

/// What the patched QEMU tells of memory that it sends late because the guest keeps writing it.
struct DelayedMemory {
    bool active = false;           ///< false: it was, and is over for this migration
    std::uint64_t iterations = 0;  ///< in which some was delayed
    Bytes size;                    ///< of what is delayed in this iteration
    Bytes dirty;                   ///< in it, when this iteration began
    Bytes saved;                   ///< dirty while it was delayed, and delayed again
};

/// Processor time of a guest's QEMU process, from libvirt.
struct CpuUse {
    microseconds process{};  ///< whole process
    microseconds vcpus{};    ///< the vCPU threads alone
};

/// One reading of a running migration. Sizes are totals since its start.
struct Sample {
    TimePoint at{};
    JobState job = JobState::none;
    std::uint32_t iteration = 0;  ///< 0 = full copy
    Bytes memory_total;
    Bytes memory_remaining;
    Bytes memory_sent;
    Bytes disk_total;
    Bytes disk_remaining;
    Bytes disk_sent;
    BytesPerSecond dirty_rate;  ///< memory, as QEMU last measured it; 0 = not yet known
    BytesPerSecond bandwidth;   ///< memory stream, as QEMU last measured it
    std::optional<milliseconds> expected_downtime;
    unsigned throttle_percent = 0;
    std::optional<StreamDisks> stream_disks;
    std::vector<DiskCopy> disks;  ///< only when their writes may be limited
    std::optional<DelayedMemory> delayed;
    /// The least that its writes to a disk are limited to by us; nothing: they are not.
    std::optional<BytesPerSecond> write_limit;
    std::optional<CpuUse> cpu;  ///< of the source's QEMU; not asked for each time

    /// What waits for a later iteration; nothing: QEMU does not tell.
    std::optional<Bytes> memory_delayed() const {
        return delayed ? std::optional(delayed->active ? delayed->dirty : Bytes{}) : std::nullopt;
    }
    /// What this iteration sends: the rest waits for a later one.
    Bytes memory_awaited() const {
        return delayed && delayed->active ? memory_remaining - delayed->dirty : memory_remaining;
    }
};

/// What is to be expected of a running migration.
struct Forecast {
    /// Dirty rate divided by what is sent: near 1 iterations get no shorter. Nothing = not
    /// known yet.
    std::optional<double> convergence_ratio;
    /// Until the destination runs: the likely time, and the range that it will probably be in.
    /// Nothing = not known yet, or `endless`; without `eta_high` it may take any longer.
    std::optional<milliseconds> eta;
    std::optional<milliseconds> eta_low;
    std::optional<milliseconds> eta_high;
    bool endless = false;  ///< as things are it does not converge
};

/// What asking a guest over the network, all the time while it moved, has shown.
struct ProbeCounts {
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;  ///< never answered
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    microseconds longest_gap{};  ///< without any answer
};

/// What verify-disks has found.
struct DiskMeasures {
    Bytes compared;           ///< of all disks together, holes included
    unsigned mismatches = 0;  ///< disks that differ
    milliseconds took{};      ///< the guest stood still so long for it: a part of the blackout
};

/// What a probe asked in one piece of time.
struct ProbeSlice {
    TimePoint at{};
    milliseconds length{};
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
};

/// What a counter of the guest's work stood at: it grows with what the guest gets done.
struct WorkloadReading {
    TimePoint at{};
    std::uint64_t count = 0;
};

/// What was watched from before a migration until after it, in the order of time.
struct Observations {
    std::vector<ProbeSlice> probe;
    std::vector<WorkloadReading> workload;
};

/// The six measures of one migration. `std::nullopt` = could not be measured (never 0 for that).
struct Measures {
    std::optional<milliseconds> setup;  ///< call until the first memory page may flow
    std::optional<milliseconds> total;  ///< call until the destination runs with all its memory
    std::optional<milliseconds> call;   ///< libvirt's call, from its start to its return
    std::optional<Bytes> memory_sent;
    std::optional<Bytes> disk_sent;
    std::optional<microseconds> blackout;  ///< no vCPU ran anywhere
    /// Effect on the guest: vCPU time per second while migrating, relative to before (1 = none).
    std::optional<double> guest_speed;
    /// The same of the counter of its work; nothing: there is none.
    std::optional<double> workload_speed;
    std::optional<milliseconds> throttled;  ///< how long, and at most how hard, it was throttled
    unsigned throttle_percent_max = 0;
    /// How long, and at least to how little, what it wrote to a disk was limited.
    std::optional<milliseconds> write_limited;
    std::optional<BytesPerSecond> write_limit_min;
    std::optional<milliseconds> source_cpu;       ///< of QEMU beside its vCPUs
    std::optional<milliseconds> destination_cpu;  ///< of QEMU until the guest ran
    std::optional<BytesPerSecond> bandwidth_mean;
    std::uint32_t iterations = 0;
    std::optional<ProbeCounts> probe;   ///< nothing: nobody asked the guest
    std::optional<DiskMeasures> disks;  ///< nothing: they were not compared
};

/// The end of a migration, as reported, stored and turned into an exit code.
struct Record {
    std::int64_t id = 0;
    Outcome outcome = Outcome::unknown;
    std::string reason;                 ///< why it did not move; empty when moved
    std::vector<std::string> problems;  ///< named leftovers, exceeded ceiling
    bool interrupted = false;           ///< by a signal (exit 130 when the source runs)
    Measures measures;
    Observations watched;
};

}  // namespace vmigrate
