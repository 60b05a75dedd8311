// SPDX-License-Identifier: GPL-2.0-or-later
//
// The back end "ovs": turns the guest's traffic from one Open vSwitch to another, without loss
// where the guest waits for it (orchestrator/handover.h has the order of calls). What is changed is
// decided in netflow/choreography.h; here it is carried out, with a time-out on everything.
//
// Peers that do not answer are named in the error of commit(); the relay at the source covers them.
// A fresh object finds what an earlier process began in the registry, so recovery may call commit()
// or rollback() at once. What commit() leaves to be drained is remembered there, too, so that
// another process can do it, or go on with it.
//
// Ownership: borrows the registry. Thread rule: one thread; the follower has one of its own.
#pragma once

#include <functional>

#include "handover/ovs_bridge.h"
#include "handover/ovs_follower.h"
#include "handover/ovs_refresh.h"
#include "handover/ovs_remains.h"
#include "orchestrator/handover.h"
#include "orchestrator/location.h"

namespace vmigrate::handover {

class Ovs final : public NetworkHandover {
  public:
    /// `drain_elsewhere` has another process drain, and returns when that one guards the flows:
    /// true; it is asked by drain(), which does it itself otherwise.
    Ovs(OvsTask task, LocationRegistry& registry, std::function<bool()> drain_elsewhere = {});
    /// That other process's: a move that was committed, to be drained. The cards of the task are
    /// not looked at.
    Ovs(OvsTask task, const OvsRemains& remains, LocationRegistry& registry);
    ~Ovs() override;

    std::string_view backend() const override { return "ovs"; }
    Result<void> check() override;
    bool wants_hold() const override { return true; }
    bool wants_lead() const override { return task_.stock_cutover != StockCutover::relay; }
    Result<void> lock() override;
    Result<void> begin() override;
    Result<milliseconds> lead() override;
    Result<void> redirect() override;
    std::optional<LastPacket> last_packet() override;
    Result<void> turn(const std::function<bool()>& answered) override;
    Result<void> withdraw() override;
    Result<void> commit() override;
    Result<void> drain() override;
    Result<void> rollback() override;
    std::vector<std::string> notices() override;
    Result<bool> moved_by_another() override;

  private:
    Result<void> take_version();
    Result<void> claim_both();
    void free_both();
    /// A later move of the guest has begun, perhaps by another process.
    bool overtaken();
    Result<void> find_cards();
    std::optional<netflow::TunnelId> learn_vni(const netflow::GuestNic& nic);
    Result<void> await_ports(OvsBridge& bridge, netflow::Port netflow::GuestNic::*port,
                             milliseconds patience);
    void follow();
    void stop_following();
    bool begun() const;
    /// What an earlier process knew of this move.
    Result<void> pick_up();
    /// The guest's flows on both sides, as followed or, after begin() failed or was not called,
    /// asked now; a side that does not answer has none.
    netflow::Scene look();
    Result<void> ready_to_lead();
    Result<void> mirror();
    Result<void> turn_flows();
    /// What QEMU has taken for each card on the source.
    struct Taken {
        TimePoint at;
        std::vector<std::uint64_t> packets;
    };
    Result<Taken> taken_so_far();
    /// Packets a second of the busiest card, since begin() or from now on.
    Result<double> busiest_card();
    void commit_here();
    /// What drain() has to know, for whoever does it.
    void remember_remains();
    /// Where relays of earlier moves are.
    void find_former_places();
    /// All at once; what went wrong.
    std::vector<std::string> replace_at_peers();
    std::string replace_at(OvsBridge& peer) const;
    /// It has flows that send to where the guest was, or does not say.
    bool is_outdated(OvsBridge& peer);
    /// Of a host or peer, or the address itself where it is nobody's that is configured.
    std::string name_of_end(netflow::Ipv4 address);
    std::vector<std::string> stale_senders();
    /// Until the relays are gone or were quiet for a while, or the time is over.
    enum class Drained { gone, quiet, overtaken, busy, unknown };
    static DrainState state_of(Drained drained);
    Result<void> report(DrainState state);
    Drained watch_relays();
    void prepare_refresh();
    void ask_program();
    void end_refresh(TimePoint until);
    /// Guards again what another process has guarded.
    Result<void> go_on();
    Result<netflow::FlowList> of_kind(OvsBridge& bridge, netflow::FlowKind kind);
    std::vector<netflow::HandedOver> copies();
    void free_early();
    void await_redirects();
    void settle();
    void post_blanks();
    void guard(netflow::FlowList flows);
    Result<void> withdraw_steps();
    Result<void> apply(const netflow::Step& step);
    OvsBridge& at(const std::string& name);
    Result<void> remember(const std::string& host, bool locked);
    /// The problems so far as one error, each said once.
    Result<void> outcome();

    const OvsTask task_;
    LocationRegistry& registry_;
    OvsBridge source_;
    OvsBridge destination_;
    std::vector<OvsBridge> peers_;

    netflow::Move move_;
    std::uint64_t version_ = 0;
    bool locked_ = false;
    bool copied_ = false;                ///< all of the guest's flows were on the destination once
    std::optional<Taken> taken_before_;  ///< by begin()
    netflow::Mac blanks_from_{{0x02}};   ///< sends what nobody misses
    bool mirrored_ = false;
    bool redirected_ = false;
    bool committed_ = false;
    netflow::Cutover cutover_;
    std::unique_ptr<OvsFollower> follower_;
    std::unique_ptr<OvsRefresh> refresh_;
    OvsFollower::Corrected corrected_;  ///< by followers that are over
    OvsFollower::Corrected told_;       ///< of all of it, by notices()
    std::vector<std::string> problems_;

    const std::function<bool()> drain_elsewhere_;
    std::optional<OvsRemains> remains_;        ///< of another process
    std::vector<netflow::HandedOver> copies_;  ///< where there is no follower
    bool freed_ = false;                       ///< of its lock on both switches
    DrainReport drained_;
};

}  // namespace vmigrate::handover
