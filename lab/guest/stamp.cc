// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/stamp.h"

#include <algorithm>
#include <cstdio>

namespace vmigrate::lab {
namespace {

// Two odd factors and their inverses modulo 2^64.
constexpr std::uint64_t kFirst = 0xff51afd7ed558ccd;
constexpr std::uint64_t kSecond = 0xc4ceb9fe1a85ec53;

constexpr std::uint64_t inverse(std::uint64_t odd) {
    std::uint64_t x = odd;
    for (int i = 0; i < 6; ++i) {
        x *= 2 - odd * x;
    }
    return x;
}
static_assert(kFirst * inverse(kFirst) == 1 && kSecond * inverse(kSecond) == 1);

struct Identity {
    std::uint64_t address;
    std::uint64_t sequence;
    bool operator==(const Identity&) const = default;
};

constexpr std::uint64_t mark(std::uint64_t magic, Identity identity) {
    std::uint64_t x = (identity.address << 32 | identity.sequence) ^ magic;
    x *= kFirst;
    x ^= x >> 32;
    return x * kSecond;
}

constexpr Identity unmark(std::uint64_t magic, std::uint64_t word) {
    std::uint64_t x = word * inverse(kSecond);
    x ^= x >> 32;
    x = (x * inverse(kFirst)) ^ magic;
    return {x >> 32, x & 0xffffffff};
}
static_assert(unmark(77, mark(77, {5, 6})) == Identity{5, 6});

// More writes to one block than there are in a test of weeks: a random word is no mark.
constexpr std::uint64_t kSequenceLimit = 1 << 28;

std::uint64_t checksum(const Block& block) {
    std::uint64_t sum = 0;
    std::uint64_t w = weight(0);
    for (std::size_t i = 0; i < block.size; ++i, w += 2 * 0x9e3779b97f4a7c15) {
        sum += block.words[i] * w;
    }
    return sum - block.words[kSumWord] * weight(kSumWord);
}

bool all_zero(const std::uint64_t* words, std::size_t size) {
    return std::all_of(words, words + size, [](std::uint64_t word) { return word == 0; });
}

std::size_t mark_position(std::size_t sector) {
    return sector * kSectorWords + kSectorWords - 1;
}

// Who a mark says its sector is of. A sector of zeroes is of sequence 0 of this block.
std::optional<Identity> identity(const Block& block, std::size_t position, std::uint64_t limit) {
    if (block.words[position] == 0) {
        const std::size_t start = position / kSectorWords * kSectorWords;
        return all_zero(block.words + start, kSectorWords)
                   ? std::optional(Identity{block.address, 0})
                   : std::nullopt;
    }
    const Identity found = unmark(block.magic, block.words[position]);
    const bool plausible = found.address < limit && found.sequence < kSequenceLimit;
    return plausible ? std::optional(found) : std::nullopt;
}

// The marks of a block that is not what it should be.
struct Marks {
    Identity first;          // that differs from the wanted one, else the wanted one
    std::size_t sector = 0;  // of it
    std::optional<Identity> last = {};
    bool agree = true;     // all that can be read are the same
    bool complete = true;  // all can be read
};

Marks read_marks(const Block& block, Identity wanted, std::uint64_t limit) {
    Marks marks{.first = wanted};
    for (std::size_t i = 0; i <= block.size / kSectorWords; ++i) {
        const std::size_t position = i == 0 ? kMarkWord : mark_position(i - 1);
        const auto found = identity(block, position, limit);
        if (!found) {
            marks.complete = false;
            continue;
        }
        marks.agree = marks.agree && (!marks.last || *marks.last == *found);
        marks.last = found;
        if (marks.first == wanted && *found != wanted) {
            marks.first = *found;
            marks.sector = position / kSectorWords;
        }
    }
    return marks;
}

Kind kind_of_whole(Identity found, Identity wanted) {
    if (found.address != wanted.address) {
        return Kind::kOtherAddress;
    }
    if (found.sequence != wanted.sequence) {
        return found.sequence < wanted.sequence ? Kind::kOld : Kind::kLedger;
    }
    return Kind::kWrong;
}

}  // namespace

Entry stamp(const Block& block, Moment moment) {
    std::uint64_t* const words = block.words;
    const std::uint64_t sign = mark(block.magic, {block.address, moment.sequence});
    words[kMagicWord] = block.magic;
    words[kAddressWord] = block.address;
    words[kSequenceWord] = moment.sequence;
    words[kTimeWord] = moment.time_ns;
    words[kMarkWord] = sign;
    for (std::size_t sector = 0; sector < block.size / kSectorWords; ++sector) {
        words[mark_position(sector)] = sign;
    }
    words[kSumWord] = checksum(block);
    return {moment.sequence, Content::kStamp, words[kSumWord]};
}

Entry restamp(const Block& block, Moment moment) {
    const std::uint64_t sign = mark(block.magic, {block.address, moment.sequence});
    change(block, kSequenceWord, moment.sequence);
    change(block, kTimeWord, moment.time_ns);
    change(block, kMarkWord, sign);
    for (std::size_t sector = 0; sector < block.size / kSectorWords; ++sector) {
        change(block, mark_position(sector), sign);
    }
    return {moment.sequence, Content::kStamp, block.words[kSumWord]};
}

bool carries(const Block& block, const Entry& entry) {
    const std::uint64_t* const words = block.words;
    const std::uint64_t sign = mark(block.magic, {block.address, entry.sequence});
    bool same = words[kMagicWord] == block.magic && words[kAddressWord] == block.address &&
                words[kSequenceWord] == entry.sequence && words[kSumWord] == entry.sum &&
                words[kMarkWord] == sign;
    for (std::size_t sector = 0; sector < block.size / kSectorWords; ++sector) {
        same = same && words[mark_position(sector)] == sign;
    }
    return same;
}

const char* kind_name(Kind kind) {
    switch (kind) {
        case Kind::kWrong:
            return "wrong";
        case Kind::kOld:
            return "old";
        case Kind::kOtherAddress:
            return "other-address";
        case Kind::kTorn:
            return "torn";
        case Kind::kLedger:
            return "ledger";
    }
    return "?";
}

std::optional<Finding> judge(const Block& block, const Entry& expected, std::uint64_t limit) {
    if (expected.content == Content::kAnything) {
        return std::nullopt;
    }
    const bool stamped = expected.content == Content::kStamp;
    const std::uint64_t* const words = block.words;
    const std::uint64_t sum = stamped ? checksum(block) : 0;
    if (stamped ? sum == expected.sum && carries(block, expected) : all_zero(words, block.size)) {
        return std::nullopt;
    }
    Finding finding = {.kind = Kind::kWrong,
                       .expected = expected,
                       .address = words[kAddressWord],
                       .sequence = words[kSequenceWord],
                       .time_ns = words[kTimeWord],
                       .sum = stamped ? sum : checksum(block),
                       .sector = 0};
    if (stamped && all_zero(words, block.size)) {
        finding.address = block.address;
        finding.kind = Kind::kOld;  // it never arrived
        return finding;
    }
    const Marks marks = read_marks(block, {block.address, stamped ? expected.sequence : 0}, limit);
    const Identity header = {words[kAddressWord], words[kSequenceWord]};
    finding.sector = marks.sector;
    if (words[kSumWord] == finding.sum && marks.complete && marks.agree && marks.last == header) {
        finding.kind = kind_of_whole(header, {block.address, expected.sequence});
    } else if (!marks.agree) {
        finding.kind = Kind::kTorn;
        finding.address = marks.first.address;
        finding.sequence = marks.first.sequence;
    }
    return finding;
}

std::string describe(const Finding& finding, std::uint64_t address) {
    const auto wide = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    char text[240];
    std::string result = "expected ";
    if (finding.expected.content == Content::kZeroes) {
        std::snprintf(text, sizeof text, "zeroes since sequence %u", finding.expected.sequence);
    } else {
        std::snprintf(text, sizeof text, "sequence %u checksum %llx", finding.expected.sequence,
                      wide(finding.expected.sum));
    }
    result += text;
    result += ", found ";
    if (finding.address != address) {
        std::snprintf(text, sizeof text, "address %llu ", wide(finding.address));
        result += text;
    }
    if (finding.sequence == 0) {
        result += "zeroes";
    } else {
        std::snprintf(text, sizeof text, "sequence %llu checksum %llx written at %.3f s",
                      wide(finding.sequence), wide(finding.sum),
                      static_cast<double>(finding.time_ns) / 1e9);
        result += text;
    }
    if (finding.kind == Kind::kTorn) {
        std::snprintf(text, sizeof text, " in sector %zu", finding.sector);
        result += text;
    }
    return result;
}

}  // namespace vmigrate::lab
