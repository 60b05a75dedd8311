// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/memory_sampler.h"

#include <lz4.h>

#include <algorithm>
#include <string_view>
#include <thread>

#include "libvirt/memory_layout.h"

namespace vmigrate::libvirt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kChunks = 48;
constexpr int kLz4Acceleration = 8;

template <std::size_t size>
std::size_t digest_of(const char* page) {
    if (std::all_of(page, page + size, [](char byte) { return byte == 0; })) {
        return 0;
    }
    return std::max<std::size_t>(1, std::hash<std::string_view>{}({page, size}));
}

template <class Digests>
PieceFacts compared(const Digests& before, const Digests& after) {
    PieceFacts facts;
    for (std::size_t page = 0; page < before.size(); ++page) {
        facts.pages += before[page] != 0 || after[page] != 0 ? 1 : 0;
        facts.changed += before[page] != after[page] ? 1 : 0;
    }
    return facts;
}

}  // namespace

void MemorySampler::Content::add(const char* page, bool zero) {
    ++pages;
    if (zero) {
        ++zero_pages;
        return;
    }
    // a page that grows is sent as it is
    std::array<char, kPage> out;
    const int size = LZ4_compress_fast(page, out.data(), kPage, kPage, kLz4Acceleration);
    compressed += size > 0 ? static_cast<std::uint64_t>(size) : kPage;
}

void MemorySampler::Content::tell(MemoryFacts& facts) const {
    if (pages == 0) {
        return;
    }
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
    };
    const auto written = pages - zero_pages;
    facts.pages_sampled = static_cast<std::uint32_t>(pages);
    facts.zero_share = share(zero_pages, pages);
    facts.compressed_share = written > 0 ? share(compressed, written * kPage) : 1.0;
}

std::size_t MemorySampler::add(virDomainPtr domain, const std::string& arch, Bytes memory) {
    const auto seed = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
    Guest guest;
    guest.domain = domain;
    guest.addresses = addresses_to_read(guest_ram(arch, memory), kChunk, kChunks, seed);
    guests_.push_back(std::move(guest));
    return guests_.size() - 1;
}

bool MemorySampler::read(Piece& piece) {
    auto& guest = guests_[piece.guest];
    if (guest.refuses || virDomainMemoryPeek(guest.domain, piece.address, chunk_.size(),
                                             chunk_.data(), VIR_MEMORY_PHYSICAL) < 0) {
        guest.refuses = true;
        return false;
    }
    piece.at = Clock::now();
    for (std::size_t page = 0; page < piece.digests.size(); ++page) {
        piece.digests[page] = digest_of<kPage>(chunk_.data() + page * kPage);
    }
    return true;
}

void MemorySampler::read_once(milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    for (unsigned number = 0; number < kChunks; ++number) {
        for (std::size_t i = 0; i < guests_.size(); ++i) {
            if (Clock::now() > deadline) {
                return;
            }
            auto& guest = guests_[i];
            if (number >= guest.addresses.size()) {
                continue;
            }
            Piece piece{.guest = i, .address = guest.addresses[number]};
            if (!read(piece)) {
                continue;
            }
            for (std::size_t page = 0; page < piece.digests.size(); ++page) {
                guest.content.add(chunk_.data() + page * kPage, piece.digests[page] == 0);
            }
            pieces_.push_back(piece);
        }
    }
}

TimePoint MemorySampler::earliest_end() const {
    return pieces_.empty() ? Clock::now() : Clock::now() + (pieces_.back().at - pieces_.front().at);
}

// In the same order again, so that about the same time is between the readings of each piece.
void MemorySampler::read_again(TimePoint end) {
    if (pieces_.empty()) {
        return;
    }
    std::this_thread::sleep_until(end - (pieces_.back().at - pieces_.front().at));
    for (const auto& before : pieces_) {
        Piece after{.guest = before.guest, .address = before.address};
        if (Clock::now() > end) {
            return;
        }
        if (!read(after)) {
            continue;
        }
        auto& guest = guests_[before.guest];
        guest.pieces.push_back(compared(before.digests, after.digests));
        guest.apart += after.at - before.at;
    }
}

void MemorySampler::tell(std::size_t number, MemoryFacts& facts) const {
    const auto& guest = guests_[number];
    guest.content.tell(facts);
    if (!guest.pieces.empty()) {
        facts.pieces = guest.pieces;
        facts.piece_window = std::chrono::duration_cast<milliseconds>(
            guest.apart / static_cast<std::int64_t>(guest.pieces.size()));
    }
}

}  // namespace vmigrate::libvirt
