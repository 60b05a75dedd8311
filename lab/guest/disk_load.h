// SPDX-License-Identifier: GPL-2.0-or-later
// One disk: a writer stamps blocks at a rate, a verifier reads back what was written. Both go past
// the page cache, which would hide a lost block. At the first block that is not what was last
// written, both stop, and leave the disk as it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>

#include "guest/counters.h"
#include "guest/ledger.h"
#include "guest/pattern.h"
#include "guest/settings.h"

namespace vmigrate::lab {

// Each of the two functions wants a thread of its own. Never ends, never freed.
class DiskLoad {
  public:
    // Takes ownership of `fd`, opened with O_DIRECT; `name` is as of /dev, "vda". Counts up
    // Counters::loads_to_fill if the disk is to be filled first.
    DiskLoad(SettingsStore& settings, Counters& counters, const std::string& name, int fd);

    void write_forever();
    void verify_forever();

  private:
    // What follows wants a shared lock on shape_, and a Hold on the blocks. `buffer` has room for
    // them.
    Block in_buffer(std::size_t block, std::uint64_t* buffer) const;
    Entry compose(std::size_t block, std::uint64_t* buffer) const;  // the block's next content
    void write_stamps(Extent extent, std::uint64_t* buffer);
    void write_zeroes(Extent extent);
    void discard(Extent extent);
    void write(Extent extent, std::uint64_t* buffer, const Settings& settings);
    bool verify(Extent extent, std::uint64_t* buffer);  // false: found something, the load stops
    bool transfer(bool out, Extent extent, std::uint64_t* buffer);  // as verify
    void report(const std::string& text);

    // Take Holds themselves.
    void fill(std::uint64_t* buffer);
    void injure(Damage damage, std::uint64_t* buffer);
    Extent next_to_verify(std::size_t& next) const;

    void reshape(const Settings& settings);
    void follow(const Settings& settings, std::uint64_t* buffer);

    SettingsStore& settings_;
    Counters& counters_;
    const std::string name_;
    const int fd_;
    const std::uint64_t magic_;
    const std::size_t number_;  // of Counters::passes_of_disk
    std::atomic<bool> stopped_{false};
    std::shared_mutex shape_;  // exclusive: ledger_, block_bytes_, span_, limit_ change
    std::unique_ptr<Ledger> ledger_;
    std::uint64_t block_bytes_ = 0;
    std::uint64_t span_ = 0;
    std::uint64_t limit_ = 0;  // of addresses, which count sectors
    // Of the writer:
    Random random_;
    bool to_fill_;                 // before the load is ready
    bool discards_ = true;         // the disk can do it
    bool injured_lately_ = false;  // write no more: it could cover what the verifier is to find
    Damages injured_{};
    std::uint64_t restarts_ = 0;
    std::uint32_t sequence_ = 0;  // the largest of all blocks
};

}  // namespace vmigrate::lab
