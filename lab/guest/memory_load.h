// SPDX-License-Identifier: GPL-2.0-or-later
// Working memory: a writer dirties pages at a rate, a verifier re-reads them all the time.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>

#include "guest/counters.h"
#include "guest/ledger.h"
#include "guest/pace.h"
#include "guest/settings.h"

namespace vmigrate::lab {

// write_forever() and verify_forever() each want a thread of their own. Never ends, never freed.
class MemoryLoad {
  public:
    MemoryLoad(SettingsStore& settings, Counters& counters)
        : settings_(settings), counters_(counters) {}

    // Allocates and fills the memory, sets Counters::ready, then writes.
    void write_forever();
    void verify_forever();

  private:
    enum class Kind { kZero, kRandom, kText };

    Kind kind(std::size_t page) const;
    std::uint64_t* words(std::size_t page) const { return memory_ + page * kWordsPerPage; }
    static std::uint64_t content(Kind kind, std::size_t page, std::size_t position,
                                 std::uint64_t random);
    void reshape(const Settings& settings);
    void fill(std::size_t page, std::uint64_t sequence);
    void write(std::size_t page, std::size_t change_words);
    void set_back();  // makes one page stale, as a migration that lost a write would
    void verify(std::size_t page);
    void verify_locked(std::size_t page);  // with the page's ledger lock held

    SettingsStore& settings_;
    Counters& counters_;
    std::shared_mutex shape_;  // exclusive: memory_, ledger_, shares_ change
    std::uint64_t* memory_ = nullptr;
    std::size_t pages_ = 0;
    std::unique_ptr<Ledger> ledger_;
    Settings shares_;   // the settings the present memory was made for
    Random random_{1};  // of the writer
};

}  // namespace vmigrate::lab
