// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to libvirt for one migration: a dozen calls, implemented once for real (libvirt/) and
// once as a script for tests. Events do not come through here but through an EventSource.
//
// Order of calls: (save_originals make_volume* start (sample | set_* | abort)* end_call)
// guest_state* (pause_postcopy resume_postcopy end_call)* (compare_disk* resume_guest)?
// (restore_originals remove_volume* | end_husk? hand_over_definition? remove_volume*)?
// Thread rule: one thread, that of the runner. REQUIRES: never from inside an event callback.
// Errors: ErrorKind::hypervisor with libvirt's own text, ::unreachable when a daemon is gone.
#pragma once

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "orchestrator/handover.h"
#include "orchestrator/plan.h"
#include "orchestrator/types.h"

namespace vmigrate {

/// A disk of the source and its copy, byte by byte.
struct DiskComparison {
    Bytes source_size;
    Bytes destination_size;
    Bytes compared;  ///< up to the first difference
    std::optional<Bytes> first_difference;

    bool equal() const { return source_size == destination_size && !first_difference; }
};

struct PendingRelease {
    std::future<void> waits;           ///< QEMU waits for the last packet, or has answered
    std::future<Result<void>> answer;  ///< the guest was stopped, or why it was not
};

class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    /// Capabilities, parameters and limits of disks of the source's QEMU as JSON text, for
    /// `restore_originals`.
    virtual Result<std::string> save_originals() = 0;
    /// Puts back what differs from `originals` on `side`. Idempotent; a guest that is gone is no
    /// error.
    virtual Result<void> restore_originals(Side side, const std::string& originals) = 0;

    virtual Result<void> make_volume(const VolumeMove& volume) = 0;
    enum class Removal {
        any,           ///< it is known to be ours, or its content is elsewhere
        if_unwritten,  ///< only if it holds no data: it may be somebody else's
    };
    /// Removes `volume.path` on the destination, `volume.source_path` on the source. Idempotent: a
    /// volume that is not there is no error. Error (busy): a guest of that host uses it.
    virtual Result<void> remove_volume(Side side, const VolumeMove& volume, Removal removal) = 0;

    /// Ends the process that the source still has of a guest that has moved. Only when it is
    /// certain that it is nobody's guest any more: the destination runs the guest and its QEMU has
    /// got all of it, the source's has sent all of it and has not run since, and each disk that it
    /// can write to is one of `copied`. Idempotent. Error: it is not certain, or a daemon refuses;
    /// then nothing was done.
    virtual Result<void> end_husk(const std::vector<VolumeMove>& copied) = 0;

    /// The destination's libvirt defines the guest for good, and after that the source's does not
    /// know it any more: what libvirt's call does at its end, unless a daemon died before.
    /// Idempotent. Error: the guest does not run on the destination, or has a process on the
    /// source, or a daemon refuses; then the source still defines it.
    virtual Result<void> hand_over_definition() = 0;

    /// Reads both ends of a copied disk, through the storage pools of both hosts. Holes are not
    /// sent. Blocks as long as that takes; no part of it longer than a minute.
    /// REQUIRES: raw on both sides, and nobody writes to either.
    virtual Result<DiskComparison> compare_disk(const VolumeMove& volume) = 0;
    /// Lets a guest run that is paused. Idempotent.
    virtual Result<void> resume_guest(Side side) = 0;

    /// Starts the blocking call on its own thread; its end arrives as CallReturned.
    virtual Result<void> start(const MigrationCall& call) = 0;
    /// Waits for the call's thread after CallReturned was taken.
    virtual void end_call() = 0;

    virtual Result<Sample> sample() = 0;
    /// Totals of a finished migration (libvirt keeps them on the destination; must not consume
    /// them).
    virtual Result<Sample> completed() = 0;
    /// The guest's processor time on one side; nothing when it cannot be had.
    virtual std::optional<CpuUse> cpu_use(Side side) = 0;
    virtual Result<void> set_downtime_limit(milliseconds limit) = 0;
    virtual Result<void> set_bandwidth(BytesPerSecond limit) = 0;
    /// Throttles the guest's processors, 0 to 99 percent, by the means of the call's plan.
    virtual Result<void> set_throttle(ThrottleMeans means, unsigned percent) = 0;
    /// How long memory may be sent in one go while disks are copied in the stream.
    virtual Result<void> set_memory_turn(milliseconds turn) = 0;
    /// Lets the guest write at most so much to a disk that is copied. Never more than the guest's
    /// own limits do; those are part of the originals. REQUIRES: `limit_writes` of the call.
    virtual Result<void> limit_writes(const std::string& target, BytesPerSecond limit) = 0;
    /// Of the memory, what is written most, up to this share, is sent late. 0 is for good.
    virtual Result<void> set_delay(unsigned percent) = 0;
    /// After SwitchoverHeld: whether QEMU sees what the guest's cards take, and release_after() can
    /// wait for it.
    virtual bool sees_cards() = 0;
    /// After SwitchoverHeld: when the guest's cards have what had arrived for them, stops the guest
    /// and switches over, if no more than `most_remaining` of its memory remains. Error: QEMU
    /// refuses, and goes on holding; or it does not hold any more.
    virtual Result<void> release_switchover(Bytes most_remaining) = 0;
    /// The same when they have taken the last packet and were quiet then. It is to be sent when
    /// QEMU waits for it, which it does when little enough remains. Call nothing else until there
    /// is an answer. Error also: it did not come in time, or too much remained all the time, 50 ms
    /// and twenty times the silence.
    virtual PendingRelease release_after(Bytes most_remaining, const LastPacket& last) = 0;
    virtual Result<void> start_postcopy() = 0;
    /// Makes the source give up a post-copy connection that is dead, so that it can be resumed once
    /// the destination has noticed, too. Idempotent.
    virtual Result<void> pause_postcopy() = 0;
    /// As `start`, for a post-copy that is paused. REQUIRES: no call is under way.
    virtual Result<void> resume_postcopy(const MigrationCall& call) = 0;
    /// Asks libvirt to cancel. The end still arrives as CallReturned.
    virtual Result<void> abort() = 0;

    /// Asks the daemon now; reconnects once if the connection is gone. Never blocks longer than a
    /// few seconds.
    virtual GuestState guest_state(Side side) = 0;
    /// True while the source's daemon runs a migration job of the guest. nullopt = cannot tell.
    virtual std::optional<bool> job_active() = 0;
    /// nullopt = cannot tell.
    virtual std::optional<PostcopyState> postcopy_state() = 0;
    /// Whether the guest's QEMU owes its daemon an answer just now. Does not ask QEMU itself.
    virtual bool owes_answer(Side side) = 0;
};

}  // namespace vmigrate
