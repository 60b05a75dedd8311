// SPDX-License-Identifier: GPL-2.0-or-later
// Working memory: a writer dirties pages at a rate, a verifier re-reads them all the time. At the
// first page that is not what was last written, both stop, and leave the memory as it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>

#include "guest/counters.h"
#include "guest/ledger.h"
#include "guest/memory_content.h"
#include "guest/pace.h"
#include "guest/settings.h"

namespace vmigrate::lab {

// write_forever() and verify_forever() each want a thread of their own. Never ends, never freed.
class MemoryLoad {
  public:
    MemoryLoad(SettingsStore& settings, Counters& counters)
        : settings_(settings), counters_(counters) {}

    // Allocates and fills the memory, counts down Counters::loads_to_fill, then writes.
    void write_forever();
    void verify_forever();

  private:
    // What follows wants a shared lock on shape_; what takes a page wants a Hold on it.
    PageKind kind(std::size_t page) const { return page_kind(page, made_.zero, made_.random); }
    std::uint64_t* words(std::size_t page) const { return memory_ + page * kWordsPerPage; }
    Block block(std::size_t page) const;
    void fill(std::size_t page, std::uint32_t sequence);
    void write(std::size_t page, const Settings& settings);
    void write_zero_page(std::size_t page, std::size_t words);
    void rewrite(std::size_t page, Entry entry, std::size_t words);
    bool verify(std::size_t page);  // false: something was found, and the load stops

    // Take Holds themselves.
    std::size_t any_stamped_page();
    void injure(Damage damage);

    void reshape(const Settings& settings);
    void follow(const Settings& settings);

    SettingsStore& settings_;
    Counters& counters_;
    std::atomic<bool> stopped_{false};
    std::shared_mutex shape_;  // exclusive: memory_, ledger_, made_ change
    std::uint64_t* memory_ = nullptr;
    std::size_t pages_ = 0;
    std::unique_ptr<Ledger> ledger_;
    Settings made_;  // the settings the present memory was made for
    // Of the writer:
    Damages injured_{};  // done
    std::uint64_t restarts_ = 0;
    Random random_{1};  // of the writer
};

}  // namespace vmigrate::lab
