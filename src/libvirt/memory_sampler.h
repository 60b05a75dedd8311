// SPDX-License-Identifier: GPL-2.0-or-later
//
// Pieces of the memories of guests, read twice: what of it is zero, how far the rest shrinks, and
// where the guest writes. The pieces of several guests are read in turn, so that whenever time runs
// out what was read is a fair sample of each. Reads by libvirt, touches nothing. Private to
// libvirt/. Thread rule: as Session.
#pragma once

#include <libvirt/libvirt.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/facts.h"

namespace vmigrate::libvirt {

class MemorySampler {
  public:
    /// `domain` is borrowed. Returns the guest's number.
    std::size_t add(virDomainPtr domain, const std::string& arch, Bytes memory);

    /// Ends when all pieces were read, or after `patience`.
    void read_once(milliseconds patience);
    /// When reading again has to end to see each piece for the second time.
    TimePoint earliest_end() const;
    /// As late as it takes to be done at `end`.
    void read_again(TimePoint end);

    /// What was found out of this guest; leaves alone what was not.
    void tell(std::size_t guest, MemoryFacts& facts) const;

  private:
    static constexpr std::size_t kPage = 4096;
    static constexpr std::size_t kChunk = 65536;  ///< the most that one remote read gives

    struct Content {
        std::uint64_t pages = 0;
        std::uint64_t zero_pages = 0;
        std::uint64_t compressed = 0;

        void add(const char* page, bool zero);
        void tell(MemoryFacts& facts) const;
    };
    struct Guest {
        virDomainPtr domain = nullptr;
        std::vector<std::uint64_t> addresses;
        bool refuses = false;  ///< refused once, refused always
        Content content;
        std::vector<PieceFacts> pieces;    ///< read twice
        std::chrono::nanoseconds apart{};  ///< sum, between the two times
    };
    /// A piece of memory as it was at a time: a digest for each page, 0 for one that is zero.
    struct Piece {
        std::size_t guest = 0;
        std::uint64_t address = 0;
        std::array<std::size_t, kChunk / kPage> digests{};
        TimePoint at{};
    };

    bool read(Piece& piece);

    std::vector<char> chunk_ = std::vector<char>(kChunk);
    std::vector<Guest> guests_;
    std::vector<Piece> pieces_;  ///< read once, in that order
};

}  // namespace vmigrate::libvirt
