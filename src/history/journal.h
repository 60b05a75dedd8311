// SPDX-License-Identifier: GPL-2.0-or-later
//
// The Journal on the history database: from begin() or an adopted migration to finish(), in this
// order: `begin (intend | done | phase | sample | note | answer)* finish`; anything else is an
// error (internal). Borrows database and clock. Thread rule: the one of its Store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "history/database.h"
#include "orchestrator/journal.h"

namespace vmigrate::history {

class SqliteJournal final : public Journal {
  public:
    SqliteJournal(Database& database, const Clock& clock);

    /// See Store::adopt.
    static Result<std::unique_ptr<Journal>> adopt(Database& database, const Clock& clock,
                                                  std::int64_t id, Takeover takeover);

    Result<std::int64_t> begin(const Plan& plan) override;
    Result<void> intend(Step step, const std::string& detail) override;
    Result<void> done(Step step, const std::string& detail) override;
    Result<void> phase(Phase phase, std::string_view note) override;
    Result<void> sample(const Sample& sample, unsigned progress_percent,
                        const Forecast& forecast) override;
    Result<void> note(std::string_view text) override;
    Result<void> finish(const Record& record) override;
    bool abort_requested() override;
    std::vector<TuneRequest> tune_requests() override;
    Result<void> answer(const TuneRequest& request, const TuneAnswer& answer) override;

  private:
    Result<void> under_way() const;
    void add_to_timeline(const SQLite::Database& database, Phase phase, std::string_view note);

    Database& database_;
    const Clock& clock_;
    std::int64_t id_ = 0;  ///< 0 = not begun
    bool finished_ = false;
    Phase phase_ = Phase::planned;
    TimePoint began_{};
};

}  // namespace vmigrate::history
