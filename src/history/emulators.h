// SPDX-License-Identifier: GPL-2.0-or-later
//
// What emulators have answered, in the history database. Borrows the database and the clock. Thread
// rule: the one of its Store.
#pragma once

#include "base/clock.h"
#include "history/database.h"
#include "orchestrator/emulator_memory.h"

namespace vmigrate::history {

/// How long an answer counts: enough for moves that follow each other. A package may be upgraded at
/// any time; until then QEMU refuses what it does not know any more, and the guest stays where it
/// is.
constexpr seconds kAnswerCounts{60};

class SqliteEmulators final : public EmulatorMemory {
  public:
    SqliteEmulators(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

    std::optional<QemuFeatures> recall(const EmulatorKey& key) override;
    void keep(const EmulatorKey& key, const QemuFeatures& answer) override;

  private:
    Database& database_;
    const Clock& clock_;
};

}  // namespace vmigrate::history
