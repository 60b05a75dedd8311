// SPDX-License-Identifier: GPL-2.0-or-later
// What the verifier writes into every block of memory (a page) and of the disks, and how it tells
// what went wrong with one. Pure: no I/O, no clock.
//
//   word 0..5               magic, address, sequence, time, checksum, mark
//   last word of a sector   mark
//   all others              data
//
// A mark is the block's address and sequence, mixed so that a damaged one is no mark at all. There
// is one in each sector of 512 bytes, so a block that was put together of two is told from one that
// was broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace vmigrate::lab {

enum StampWord : std::size_t {
    kMagicWord,     // whose block it is: the memory's, or which disk's
    kAddressWord,   // below 2^32, in whatever unit its owner counts
    kSequenceWord,  // of this block: 1, 2, ...
    kTimeWord,      // nanoseconds since the boot
    kSumWord,       // of all words but this one
    kMarkWord,
    kStampWords,
};

inline constexpr std::size_t kSectorWords = 512 / sizeof(std::uint64_t);

constexpr bool is_data(std::size_t position) {
    return position >= kStampWords && position % kSectorWords != kSectorWords - 1;
}

// Position-dependent weight of a word in a checksum. Being odd, none hides a change of one word;
// the checksum being a weighted sum, it follows such a change without a look at the others.
constexpr std::uint64_t weight(std::uint64_t position) {
    return (2 * position + 1) * 0x9e3779b97f4a7c15;
}

// What a block must hold.
enum class Content : std::uint32_t {
    kAnything,  // never written, or discarded
    kStamp,
    kZeroes,
};

struct Entry {
    std::uint32_t sequence = 0;  // of the last change; it goes on through zeroes and discards
    Content content = Content::kAnything;
    std::uint64_t sum = 0;  // of a stamped block
    bool operator==(const Entry&) const = default;
};

// A block in the owner's buffer. All sizes are in words of 8 bytes.
struct Block {
    std::uint64_t* words;
    std::size_t size;  // a multiple of kSectorWords
    std::uint64_t magic;
    std::uint64_t address;
};

struct Moment {
    std::uint32_t sequence;
    std::uint64_t time_ns;
};

// Stamps a block whose data is set. Returns what the ledger is to keep.
Entry stamp(const Block& block, Moment moment);

// Sets one word of a stamped block; the checksum follows.
inline void change(const Block& block, std::size_t position, std::uint64_t value) {
    std::uint64_t& word = block.words[position];
    block.words[kSumWord] += (value - word) * weight(position);
    word = value;
}

// Makes a stamped block, some of whose data was changed, one of the next moment.
Entry restamp(const Block& block, Moment moment);

// A quick look, which does not compute the checksum: does the block carry what the ledger says? To
// be asked before a block is written again, or the evidence is gone.
bool carries(const Block& block, const Entry& entry);

enum class Kind {
    kWrong,         // broken: the checksum, or words where zeroes must be
    kOld,           // whole, but of an earlier sequence: an update was lost
    kOtherAddress,  // whole, but of another place
    kTorn,          // parts of two blocks, or of two sequences of one
    kLedger,        // whole and newer than the ledger says: the ledger is what was lost
};
const char* kind_name(Kind kind);

struct Finding {
    Kind kind;
    Entry expected;
    // Of the header found; for a torn block of the first sector that is not the expected one
    std::uint64_t address;
    std::uint64_t sequence;  // 0: zeroes
    std::uint64_t time_ns;
    std::uint64_t sum;   // computed
    std::size_t sector;  // first that is not the expected one, as far as marks tell
};

// Compares a block with what the ledger says. `limit`: all addresses of the owner are below it.
std::optional<Finding> judge(const Block& block, const Entry& expected, std::uint64_t limit);

// "expected sequence 7 checksum a5, found sequence 5 checksum 3f, written at 12.3 s"
std::string describe(const Finding& finding, std::uint64_t address);

}  // namespace vmigrate::lab
