// SPDX-License-Identifier: GPL-2.0-or-later
// What was last written to each page or block, kept apart from them and twice: a migration that
// brings an old page brings an old ledger page just as well, and must not get away with it.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace vmigrate::lab {

inline constexpr std::size_t kWordsPerPage = 4096 / sizeof(std::uint64_t);

// Position-dependent weight of a word in a checksum. Being a weighted sum, the checksum follows a
// change of one word without a look at the others.
constexpr std::uint64_t weight(std::uint64_t position) {
    return (2 * position + 1) * 0x9e3779b97f4a7c15;
}

inline std::uint64_t checksum(const std::uint64_t* words, std::size_t count) {
    std::uint64_t sum = 0;
    std::uint64_t w = weight(0);
    for (std::size_t i = 0; i < count; ++i, w += 2 * 0x9e3779b97f4a7c15) {
        sum += words[i] * w;
    }
    return sum;
}

// Entries are the caller's to protect: hold lock(i) around everything done with item i.
class Ledger {
  public:
    struct Entry {
        std::uint64_t sequence = 0;  // 0: never written
        std::uint64_t sum = 0;
    };

    explicit Ledger(std::size_t count) : first_(count), second_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            set(i, {});
        }
    }

    std::size_t size() const { return first_.size(); }
    std::mutex& lock(std::size_t i) { return locks_[i % kStripes]; }

    void set(std::size_t i, Entry entry) {
        const Copy copy{entry, guard(i, entry)};
        first_[i] = copy;
        second_[mirrored(i)] = copy;
    }

    // Nothing when the two copies differ or one of them is damaged.
    std::optional<Entry> get(std::size_t i) const {
        const Copy& a = first_[i];
        const Copy& b = second_[mirrored(i)];
        if (a.guard != guard(i, a.entry) || a.guard != b.guard ||
            a.entry.sequence != b.entry.sequence || a.entry.sum != b.entry.sum) {
            return std::nullopt;
        }
        return a.entry;
    }

  private:
    static constexpr std::size_t kStripes = 64;
    struct Copy {
        Entry entry;
        std::uint64_t guard = 0;
    };

    // far away from the first copy, and with other neighbours on its page
    std::size_t mirrored(std::size_t i) const { return first_.size() - 1 - i; }

    static std::uint64_t guard(std::size_t i, Entry entry) {
        std::uint64_t x = entry.sequence * 0xff51afd7ed558ccd ^ entry.sum ^ (i + 1) * weight(7);
        x ^= x >> 32;
        return x * 0xc4ceb9fe1a85ec53 + 1;
    }

    std::vector<Copy> first_;
    std::vector<Copy> second_;
    std::mutex locks_[kStripes];
};

}  // namespace vmigrate::lab
