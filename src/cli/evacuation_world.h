// SPDX-License-Identifier: GPL-2.0-or-later
//
// The real FleetWorld: moves are processes of this program, hosts are watched, and what other
// processes ask for is in the history. Thread rule: as FleetWorld.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/evacuation_options.h"
#include "cli/fleet_runner.h"
#include "cli/fleet_survey.h"
#include "cli/fleet_watch.h"
#include "cli/measured.h"
#include "cli/move_processes.h"
#include "orchestrator/events.h"

namespace vmigrate::cli {

class EvacuationWorld final : public FleetWorld {
  public:
    /// All borrowed. `fleet` is what `survey` has found; an AbortRequested in `interrupts` is a
    /// wish to cancel.
    EvacuationWorld(const Config& config, const EvacuationOptions& options, std::int64_t id,
                    history::Store& store, FleetSurvey& survey, const fleet::Fleet& fleet,
                    EventQueue& interrupts, FleetView& view);

    Result<void> begin(const fleet::StartMove& move, const std::string& from) override;
    void adopt(const history::EvacuationGuest& guest) override;
    void share(const std::string& uuid, BytesPerSecond bandwidth) override;
    void hurry(const std::string& uuid) override;
    std::vector<fleet::Happening> wait(TimePoint until) override;
    std::optional<std::int64_t> migration_of(const std::string& uuid) override;

    /// A signal ended it.
    bool interrupted() const { return interrupted_; }

  private:
    /// One move under way.
    struct Move {
        std::string to;
        std::int64_t earlier = 0;              ///< the guest's last migration before this one
        std::optional<BytesPerSecond> wanted;  ///< that it has not been told yet
        bool hurry = false;                    ///< the same
        bool recovering = false;               ///< its process died, another one finds the truth
    };
    /// What was last said of a host.
    struct Known {
        bool answers = true;
        Bytes memory_free;
        std::optional<libvirt::CpuTimes> cpu_times;
        std::optional<double> idle_cpus;  ///< lately: between looks, or as surveyed
    };

    std::vector<std::string> start_words(const fleet::StartMove& move,
                                         const std::string& from) const;
    std::optional<Measured> measured_if_quick(const fleet::StartMove& move,
                                              const std::string& from) const;
    std::optional<history::Entry> newest_migration(const std::string& uuid, std::int64_t after);
    void note_end(const MoveProcesses::Ended& ended, std::vector<fleet::Happening>& happenings);
    void look_at_moves(std::vector<fleet::Happening>& happenings);
    void look_at_requests(std::vector<fleet::Happening>& happenings);
    void abort_moves();
    void look_at_hosts(std::vector<fleet::Happening>& happenings);
    void look_at_guests(const std::string& host, const std::vector<libvirt::GuestLoad>& there,
                        std::vector<fleet::Happening>& happenings);
    fleet::Host host_now(const std::string& name) const;

    const Config& config_;
    const EvacuationOptions& options_;
    std::int64_t id_;
    history::Store& store_;
    std::unique_ptr<history::Evacuations> evacuations_;
    FleetSurvey& survey_;
    EventQueue& interrupts_;
    FleetView& view_;
    std::string config_file_;
    Phase arrived_;  ///< from here on nothing is sent of the guest any more
    MoveProcesses processes_;
    std::map<std::string, Move> moves_;                   ///< by UUID
    std::map<std::string, std::int64_t> last_migration_;  ///< by UUID
    std::map<std::string, Known> hosts_;
    std::map<std::string, std::string> places_;  ///< UUID -> host, of all guests
    std::map<std::string, unsigned> missed_;     ///< UUID -> looks that did not find it
    std::set<std::string> emptied_elsewhere_;    ///< hosts that other evacuations empty
    TimePoint next_requests_{};
    TimePoint next_moves_{};
    bool cancelled_ = false;
    bool interrupted_ = false;
    FleetWatch watch_;
};

}  // namespace vmigrate::cli
