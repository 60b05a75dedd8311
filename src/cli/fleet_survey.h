// SPDX-License-Identifier: GPL-2.0-or-later
//
// From libvirt to a fleet::Fleet: all hosts and their guests, looked at side by side. Reads only.
//
// Thread rule: one thread, which is blocked. Uses threads of its own, all joined on return.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/config.h"
#include "fleet/model.h"
#include "history/store.h"
#include "libvirt/guest_loads.h"
#include "orchestrator/plan.h"

namespace vmigrate::cli {

/// Whom it is about.
struct FleetWish {
    Request request;                            ///< how guests are to be moved; which is left open
    std::set<std::string> sources;              ///< hosts, whose guests are to be moved, or
    std::set<std::string> guests;               ///< UUIDs of these, wherever they are, or
    bool all = false;                           ///< every guest
    BytesPerSecond bandwidth{};                 ///< of all moves together; 0 = not limited
    std::map<std::string, std::string> closed;  ///< hosts that take nobody -> why ("was not named")
    std::vector<std::pair<std::string, std::string>> labels;  ///< that a host must have
};

class FleetSurvey {
  public:
    /// `config` is borrowed.
    FleetSurvey(const Config& config, FleetWish wish);
    ~FleetSurvey();
    FleetSurvey(const FleetSurvey&) = delete;
    FleetSurvey& operator=(const FleetSurvey&) = delete;

    /// Everything; takes a second or some longer when guests are measured (policy key measure), by
    /// how many are to move. A host that
    /// does not answer is closed, and what it said is in silent().
    /// Errors: unreachable, denied (a host of `sources`); blocked (two hosts are one libvirt).
    Result<fleet::Fleet> survey(history::Store& store);
    const std::vector<std::string>& silent() const { return silent_; }

    /// A guest that was not there at the time of survey(). Nothing: it is not there yet, or any
    /// more. Error: a host that it is about does not answer.
    Result<std::optional<fleet::Guest>> meet(const libvirt::GuestLoad& load,
                                             const std::string& host, history::Store& store);

    /// Of a guest's memory; nothing: its dirty rate was not measured, or could not be.
    std::optional<MemoryFacts> measured(const std::string& uuid) const;

    /// As it was found, with the free memory of now.
    fleet::Host host(const std::string& name, Bytes memory_free) const;

  private:
    struct Scouted;
    struct Mover;
    bool is_to_move(const std::string& uuid, const std::string& host) const;
    std::vector<Mover> movers_on(Scouted& scouted) const;
    void look_for_places(std::vector<Mover>& movers);
    fleet::Guest guest_of(const libvirt::GuestLoad& load, const std::string& host) const;
    fleet::Load load_of_move(const Mover& mover, const libvirt::GuestLoad& load,
                             history::Store& store) const;
    void need(fleet::Guest& guest, const Mover& mover);

    const Config& config_;
    FleetWish wish_;
    std::vector<std::string> silent_;
    std::map<std::string, std::shared_ptr<Scouted>> scouted_;  ///< by host; those that answered
    std::set<std::string> needs_;                              ///< of all guests
    std::map<std::string, std::set<std::string>> lacks_;       ///< host -> what it has not
};

}  // namespace vmigrate::cli
