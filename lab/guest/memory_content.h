// SPDX-License-Identifier: GPL-2.0-or-later
// What the pages of the working memory hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "guest/pace.h"
#include "guest/stamp.h"

namespace vmigrate::lab {

inline constexpr std::size_t kWordsPerPage = 4096 / sizeof(std::uint64_t);

enum class PageKind { kZero, kRandom, kText };

// Shares in percent; the rest is text.
inline PageKind page_kind(std::size_t page, std::uint64_t zero, std::uint64_t random) {
    const std::uint64_t share = (page * 0x9e3779b97f4a7c15 >> 32) % 100;
    if (share < zero) {
        return PageKind::kZero;
    }
    return share < zero + random ? PageKind::kRandom : PageKind::kText;
}

// Text is rows of 128 bytes, like a table's: a key, a counter, a small and a large number, four
// words, two values that say nothing to a compressor, and the blanks that a field of fixed length
// ends with. zlib makes 34 % of it and LZ4 47 %, about as of a large database's memory.
class PageContent {
  public:
    static constexpr std::size_t kRowWords = 16;

    static std::uint64_t word(PageKind kind, std::size_t page, std::size_t position,
                              std::uint64_t random) {
        if (kind == PageKind::kRandom) {
            return random;
        }
        static constexpr char kWords[8][9] = {"shipped ", "pending ", "invoice ", "customer",
                                              "returned", "warehous", "priority", "        "};
        std::uint64_t word = 0;
        const auto field = position % kRowWords;
        switch (field) {
            case 0:
                return page * (kWordsPerPage / kRowWords) + position / kRowWords;
            case 1:
                return random & 0xffff;
            case 2:
                return random >> 24;
            case 3:
                return 0;
            case 8:
                return random * 0x9e3779b97f4a7c15;
            case 9:
                return (random >> 7) * 0xd1342543de82ef95;
            default:
                std::memcpy(&word, kWords[field < 8 ? random >> (3 * field) & 7 : 7], sizeof word);
                return word;
        }
    }

    static void fill(PageKind kind, std::size_t page, std::uint64_t* words, Random& random) {
        std::uint64_t value = random.next();
        for (std::size_t i = 0; i < kWordsPerPage; ++i) {
            if (kind == PageKind::kRandom || i % kRowWords == 0) {
                value = random.next();  // one for a row: filling is a good part of the boot
            }
            words[i] = word(kind, page, i, value);
        }
    }
};

}  // namespace vmigrate::lab
