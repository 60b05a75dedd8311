// SPDX-License-Identifier: GPL-2.0-or-later
// Where a load writes next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "guest/pace.h"

namespace vmigrate::lab {

enum class Pattern {
    kRandom,      // one block anywhere, hot ones more often
    kSequential,  // one after the other, again and again
    kStripes,     // each 16th block, then each 16th from the second on, ...
    kMixed,       // anywhere, 1 to 256 blocks at once
};
inline constexpr const char* kPatternNames[] = {"random", "sequential", "stripes", "mixed"};

struct Extent {
    std::size_t first;
    std::size_t count;
};

// Which blocks random writes prefer: the first `size` take `share` percent of them.
struct Hot {
    std::size_t size;
    std::uint64_t share;
};

// The way of one writer through its blocks. Not thread-safe.
class Walk {
  public:
    static constexpr std::size_t kStride = 16;
    static constexpr std::size_t kLargest = 256;

    explicit Walk(std::uint64_t seed) : random_(seed) {}

    // An extent within [0, blocks), of at most `most` blocks. Needs a block, and `most` > 0.
    Extent next(Pattern pattern, std::size_t blocks, Hot hot, std::size_t most) {
        switch (pattern) {
            case Pattern::kSequential:
                at_ = at_ + 1 < blocks ? at_ + 1 : 0;
                return {at_, 1};
            case Pattern::kStripes:
                at_ += kStride;
                if (at_ >= blocks) {
                    at_ = (at_ + 1) % kStride % blocks;
                }
                return {at_, 1};
            case Pattern::kMixed: {
                const std::size_t first = random_.below(blocks);
                // small ones as often as large ones
                const std::size_t largest = std::size_t{1} << random_.below(9);
                const std::size_t count = 1 + random_.below(largest);
                return {first, std::min({count, most, blocks - first})};
            }
            case Pattern::kRandom:
                break;
        }
        const bool any = hot.size == 0 || hot.size >= blocks;
        if (any || random_.below(100) < hot.share) {
            return {random_.below(any ? blocks : hot.size), 1};
        }
        return {hot.size + random_.below(blocks - hot.size), 1};
    }

  private:
    Random random_;
    std::size_t at_ = 0;
};

}  // namespace vmigrate::lab
