// SPDX-License-Identifier: GPL-2.0-or-later
//
// What people and scripts read of an evacuation: its plan, what happens, and its end. Pure except
// for the views, which print; one thread.
#pragma once

#include <string>
#include <vector>

#include "cli/fleet_runner.h"
#include "fleet/forecast.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

/// A guest that was shut down because it could not move: --stop-unmovable.
constexpr auto kStopped = "stopped";

/// A guest and the migration that moved it, if there was one.
struct GuestEnd {
    history::EvacuationGuest guest;
    std::optional<history::Entry> migration;
};

/// The table in vmigrate-evacuate(1). `by_signal`: it was ended that way.
int exit_code(const std::vector<history::EvacuationGuest>& guests, bool by_signal);

/// "guest, from, to, outcome, total, blackout, network gap, retries", and below it why not.
std::string evacuation_table(const std::vector<GuestEnd>& ends);
Json to_json(const GuestEnd& end);

/// Who goes where and when, who stays and why.
std::string forecast_text(const fleet::EvacuationForecast& forecast);
Json to_json(const fleet::GuestForecast& guest);
/// Of --dry-run: 0 all will have moved, 7 some not in time, 6 some not at all, 3 nobody.
int exit_code(const fleet::EvacuationForecast& forecast);

/// A line for each thing that happens, on stderr.
class TextView final : public FleetView {
  public:
    void begins(const fleet::Standing& guest, const fleet::StartMove& move) override;
    void tries_again(const fleet::Standing& guest, const std::string& reason) override;
    void settled(const fleet::Standing& guest) override;
    void notice(const std::string& text) override;
};

/// An object for each, on stdout.
class JsonView final : public FleetView {
  public:
    void begins(const fleet::Standing& guest, const fleet::StartMove& move) override;
    void tries_again(const fleet::Standing& guest, const std::string& reason) override;
    void settled(const fleet::Standing& guest) override;
    void notice(const std::string& text) override;
};

}  // namespace vmigrate::cli
