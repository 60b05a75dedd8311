// SPDX-License-Identifier: GPL-2.0-or-later
//
// Carries out an evacuation: tells the state machine what happens, does what it says, and keeps the
// book, so that another process can go on. What is outside comes through two edges, as in
// orchestrator/runner.h. Thread rule: one thread, which is blocked until it is over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "fleet/evacuation.h"
#include "history/evacuations.h"

namespace vmigrate::cli {

/// The hosts, and the processes that move guests between them.
class FleetWorld {
  public:
    virtual ~FleetWorld() = default;
    /// Begins a move; its MoveEnded comes from wait(). Error: it did not begin.
    virtual Result<void> begin(const fleet::StartMove& move, const std::string& from) = 0;
    /// The same for a move that the process which died had begun.
    virtual void adopt(const history::EvacuationGuest& guest) = 0;
    /// A move under way may send that much; as soon as it hears of it.
    virtual void share(const std::string& uuid, BytesPerSecond bandwidth) = 0;
    virtual void hurry(const std::string& uuid) = 0;
    /// What has happened; waits for it, and at most until `until`.
    virtual std::vector<fleet::Happening> wait(TimePoint until) = 0;
    /// Of the guest's move under way, or of its last one.
    virtual std::optional<std::int64_t> migration_of(const std::string& uuid) = 0;
};

/// What is shown of an evacuation while it runs.
class FleetView {
  public:
    virtual ~FleetView() = default;
    virtual void begins(const fleet::Standing& guest, const fleet::StartMove& move) = 0;
    /// An attempt failed, because; there will be another.
    virtual void tries_again(const fleet::Standing& guest, const std::string& reason) = 0;
    virtual void settled(const fleet::Standing& guest) = 0;
    virtual void notice(const std::string& text) = 0;
};

/// The rows of one evacuation in the history. A row that cannot be written is told to the view
/// once, and is tried again with the next.
class FleetBook {
  public:
    FleetBook(history::Evacuations& evacuations, std::int64_t id)
        : evacuations_(evacuations), id_(id) {}

    void keep(const fleet::Evacuation& evacuation, FleetWorld& world, FleetView& view);

  private:
    history::Evacuations& evacuations_;
    std::int64_t id_;
    std::vector<history::EvacuationGuest> kept_;
    bool complained_ = false;
};

history::EvacuationGuest row_of(const fleet::Standing& standing,
                                std::optional<std::int64_t> migration);
/// Nothing: its state is none of ours (a word of an evacuation's end, as "stopped").
std::optional<fleet::Standing> standing_of(const history::EvacuationGuest& row);

/// Until it is over. `before`: the rows of an evacuation that is gone on with; what moved then is
/// adopted.
void carry_out(fleet::Evacuation& evacuation, const std::vector<history::EvacuationGuest>& before,
               FleetWorld& world, FleetBook& book, FleetView& view, const Clock& clock);

}  // namespace vmigrate::cli
