// SPDX-License-Identifier: GPL-2.0-or-later
// What was last written to each page or block, kept apart from them and twice: a migration that
// brings an old page brings an old ledger page just as well, and must not get away with it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "guest/stamp.h"

namespace vmigrate::lab {

// Entries are the caller's to protect: have a Hold on the items around everything done with them.
// get() without one may return nothing for an entry that is being set.
class Ledger {
  public:
    // All items may hold anything; their sequences go on after `sequence`.
    Ledger(std::size_t count, std::uint32_t sequence) : first_(count), second_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            set(i, {.sequence = sequence});
        }
    }

    std::size_t size() const { return first_.size(); }

    void set(std::size_t i, Entry entry) { first_[i] = second_[mirrored(i)] = copy(i, entry); }

    // Nothing when the two copies differ or one of them is damaged.
    std::optional<Entry> get(std::size_t i) const {
        return agreed(i, first_[i], second_[mirrored(i)]);
    }

    struct Copy {
        Entry entry;
        std::uint64_t guard = 0;
    };
    static Copy copy(std::size_t i, Entry entry) { return {entry, guard(i, entry)}; }
    static std::optional<Entry> agreed(std::size_t i, const Copy& a, const Copy& b) {
        const bool good = a.guard == guard(i, a.entry) && a.guard == b.guard && a.entry == b.entry;
        return good ? std::optional(a.entry) : std::nullopt;
    }

    // Holds items until it goes. A thread that has one must not make another.
    class Hold {
      public:
        Hold(Ledger& ledger, std::size_t first, std::size_t count)
            : Hold(ledger, stripes(first, count)) {}
        // Two single items.
        Hold(Ledger& ledger, std::array<std::size_t, 2> items)
            : Hold(ledger, stripes(items[0], 1) | stripes(items[1], 1)) {}
        ~Hold() {
            for (std::uint64_t left = stripes_; left != 0; left &= left - 1) {
                ledger_.locks_[std::countr_zero(left)].unlock();
            }
        }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;

      private:
        // Always in this order, so that two threads do not wait for each other.
        Hold(Ledger& ledger, std::uint64_t stripes) : ledger_(ledger), stripes_(stripes) {
            for (std::uint64_t left = stripes_; left != 0; left &= left - 1) {
                ledger_.locks_[std::countr_zero(left)].lock();
            }
        }

        Ledger& ledger_;
        const std::uint64_t stripes_;
    };

  private:
    static constexpr std::size_t kStripes = 64;

    static std::uint64_t stripes(std::size_t first, std::size_t count) {
        std::uint64_t result = 0;
        for (std::size_t i = 0; i < count && i < kStripes; ++i) {
            result |= std::uint64_t{1} << ((first + i) % kStripes);
        }
        return result;
    }

    // far away from the first copy, and with other neighbours on its page
    std::size_t mirrored(std::size_t i) const { return first_.size() - 1 - i; }

    static std::uint64_t guard(std::size_t i, Entry entry) {
        const std::uint64_t what =
            entry.sequence | std::uint64_t{static_cast<std::uint32_t>(entry.content)} << 32;
        std::uint64_t x = what * 0xff51afd7ed558ccd ^ entry.sum ^ (i + 1) * weight(7);
        x ^= x >> 32;
        return x * 0xc4ceb9fe1a85ec53 + 1;
    }

    std::vector<Copy> first_;
    std::vector<Copy> second_;
    std::mutex locks_[kStripes];
};

}  // namespace vmigrate::lab
