// SPDX-License-Identifier: GPL-2.0-or-later
// One disk: a writer stamps random blocks at a rate, a verifier reads back what was written. Both
// go past the page cache, which would hide a lost block.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>

#include "guest/counters.h"
#include "guest/ledger.h"
#include "guest/settings.h"

namespace vmigrate::lab {

// Each of the two functions wants a thread of its own. Never ends, never freed.
class DiskLoad {
  public:
    // Takes ownership of `fd`, opened with O_DIRECT; `number` marks the blocks of this disk.
    DiskLoad(SettingsStore& settings, Counters& counters, std::string name, int fd, int number);

    void write_forever();
    void verify_forever();

  private:
    void reshape(const Settings& settings);
    void write(std::size_t block, std::uint64_t* buffer);
    void verify(std::size_t block, std::uint64_t* buffer);

    SettingsStore& settings_;
    Counters& counters_;
    const std::string name_;
    const int fd_;
    const std::uint64_t magic_;
    std::shared_mutex shape_;  // exclusive: ledger_, block_bytes_, span_ change
    std::unique_ptr<Ledger> ledger_;
    std::uint64_t block_bytes_ = 0;
    std::uint64_t span_ = 0;
};

}  // namespace vmigrate::lab
