// SPDX-License-Identifier: GPL-2.0-or-later
//
// `vmigrate start --observe-only`: a hypervisor on which the live policies set nothing. They decide
// and say what they would do; the guest keeps the limits that it started with. What is no policy's
// (the call itself, abort, the bandwidth that a person asks for) goes through, so a timeout still
// ends the migration.
#pragma once

#include "orchestrator/hypervisor.h"

namespace vmigrate {

/// Borrows `real`, which must outlive it. Errors beside those of `real`: blocked, for what is only
/// observed.
class ObservedHypervisor final : public Hypervisor {
  public:
    /// `first_limit` is the downtime limit that the migration starts with.
    ObservedHypervisor(Hypervisor& real, milliseconds first_limit)
        : real_(real), first_limit_(first_limit) {}

    Result<void> set_downtime_limit(milliseconds limit) override;
    Result<void> set_throttle(ThrottleMeans means, unsigned percent) override;
    Result<void> set_memory_turn(milliseconds turn) override;
    Result<void> set_delay(unsigned percent) override;
    Result<void> limit_writes(const std::string& target, BytesPerSecond limit) override;
    Result<void> start_postcopy() override;

    Result<std::string> save_originals() override { return real_.save_originals(); }
    Result<void> restore_originals(Side side, const std::string& originals) override {
        return real_.restore_originals(side, originals);
    }
    Result<void> make_volume(const VolumeMove& volume) override {
        return real_.make_volume(volume);
    }
    Result<void> remove_volume(Side side, const VolumeMove& volume, Removal removal) override {
        return real_.remove_volume(side, volume, removal);
    }
    Result<void> end_husk(const std::vector<VolumeMove>& copied) override {
        return real_.end_husk(copied);
    }
    Result<void> hand_over_definition() override { return real_.hand_over_definition(); }
    Result<DiskComparison> compare_disk(const VolumeMove& volume) override {
        return real_.compare_disk(volume);
    }
    Result<void> resume_guest(Side side) override { return real_.resume_guest(side); }
    Result<void> start(const MigrationCall& call) override { return real_.start(call); }
    void end_call() override { real_.end_call(); }
    Result<Sample> sample() override { return real_.sample(); }
    Result<Sample> completed() override { return real_.completed(); }
    std::optional<CpuUse> cpu_use(Side side) override { return real_.cpu_use(side); }
    Result<void> set_bandwidth(BytesPerSecond limit) override { return real_.set_bandwidth(limit); }
    bool sees_cards() override { return real_.sees_cards(); }
    Result<void> release_switchover(Bytes most_remaining) override {
        return real_.release_switchover(most_remaining);
    }
    PendingRelease release_after(Bytes most_remaining, const LastPacket& last) override {
        return real_.release_after(most_remaining, last);
    }
    Result<void> abort() override { return real_.abort(); }
    Result<void> pause_postcopy() override { return real_.pause_postcopy(); }
    Result<void> resume_postcopy(const MigrationCall& call) override {
        return real_.resume_postcopy(call);
    }
    GuestState guest_state(Side side) override { return real_.guest_state(side); }
    std::optional<bool> job_active() override { return real_.job_active(); }
    std::optional<PostcopyState> postcopy_state() override { return real_.postcopy_state(); }
    bool owes_answer(Side side) override { return real_.owes_answer(side); }

  private:
    Hypervisor& real_;
    milliseconds first_limit_;
};

}  // namespace vmigrate
