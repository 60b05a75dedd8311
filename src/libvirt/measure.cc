// SPDX-License-Identifier: GPL-2.0-or-later
#include <lz4.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>
#include <vector>

#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/memory_layout.h"
#include "libvirt/survey.h"

namespace vmigrate::libvirt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kChunk = 65536;  // the most that one remote read gives
constexpr unsigned kChunks = 48;
constexpr milliseconds kContentPatience{400};
constexpr int kLz4Acceleration = 8;

// libvirt's window is in whole seconds.
bool start_dirty_rate(virDomainPtr domain, milliseconds window) {
    const auto whole = std::max<std::int64_t>(1, (window.count() + 999) / 1000);
    return virDomainStartDirtyRateCalc(domain, static_cast<int>(whole),
                                       VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING) == 0;
}

struct DirtyRate {
    bool measured = false;
    BytesPerSecond rate;
    milliseconds window{};
};

DirtyRate dirty_rate_now(virDomainPtr domain) {
    std::array<virDomainPtr, 2> one{domain, nullptr};
    virDomainStatsRecordPtr* records = nullptr;
    DirtyRate result;
    if (virDomainListGetStats(one.data(), VIR_DOMAIN_STATS_DIRTYRATE, &records, 0) == 1) {
        const auto get = [record = records[0]](const char* name, auto getter, auto value) {
            return getter(record->params, record->nparams, name, &value) == 1 ? value : 0;
        };
        result.measured =
            get("dirtyrate.calc_status", virTypedParamsGetInt, 0) == VIR_DOMAIN_DIRTYRATE_MEASURED;
        result.window = seconds(get("dirtyrate.calc_period", virTypedParamsGetInt, 0));
        const long long mib = get("dirtyrate.megabytes_per_second", virTypedParamsGetLLong, 0LL);
        result.rate = {mebibytes(static_cast<std::uint64_t>(std::max(0LL, mib))).count};
    }
    if (records != nullptr) {
        virDomainStatsRecordListFree(records);
    }
    return result;
}

void wait_for_dirty_rate(virDomainPtr domain, TimePoint started, milliseconds window,
                         MemoryFacts& facts) {
    std::this_thread::sleep_until(started + window);
    const auto deadline = Clock::now() + seconds(1);
    do {
        const auto now = dirty_rate_now(domain);
        if (now.measured) {
            facts.dirty_rate = now.rate;
            facts.dirty_window = now.window;
            facts.dirty_method = "page-sampling";
            return;
        }
        std::this_thread::sleep_for(milliseconds(10));
    } while (Clock::now() < deadline);
}

struct Content {
    std::uint64_t pages = 0;
    std::uint64_t zero_pages = 0;
    std::uint64_t compressed = 0;

    void add(const char* page, bool zero) {
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

    void tell(MemoryFacts& facts) const {
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
};

/// A piece of memory as it was at a time: a digest for each page, 0 for one that is zero.
struct Piece {
    std::uint64_t address = 0;
    std::array<std::size_t, kChunk / kPage> digests{};
    TimePoint at{};
};

std::size_t digest_of(const char* page) {
    if (std::all_of(page, page + kPage, [](char byte) { return byte == 0; })) {
        return 0;
    }
    return std::max<std::size_t>(1, std::hash<std::string_view>{}({page, kPage}));
}

/// Reads pieces of one guest's memory.
class Reader {
  public:
    explicit Reader(virDomainPtr domain) : domain_(domain), chunk_(kChunk) {}

    /// False when libvirt refuses: refused once, refused always.
    bool read(Piece& piece) {
        if (virDomainMemoryPeek(domain_, piece.address, chunk_.size(), chunk_.data(),
                                VIR_MEMORY_PHYSICAL) < 0) {
            return false;
        }
        piece.at = Clock::now();
        for (std::size_t page = 0; page < piece.digests.size(); ++page) {
            piece.digests[page] = digest_of(chunk_.data() + page * kPage);
        }
        return true;
    }

    void add_to(Content& content, const Piece& piece) const {
        for (std::size_t page = 0; page < piece.digests.size(); ++page) {
            content.add(chunk_.data() + page * kPage, piece.digests[page] == 0);
        }
    }

  private:
    virDomainPtr domain_;
    std::vector<char> chunk_;
};

// In random order, so that any beginning of them is a fair sample when time runs out.
std::vector<Piece> read_once(Reader& reader, const std::vector<std::uint64_t>& addresses,
                             MemoryFacts& facts) {
    const auto deadline = Clock::now() + kContentPatience;
    std::vector<Piece> pieces;
    Content content;
    for (const auto address : addresses) {
        Piece piece{.address = address};
        if (Clock::now() > deadline || !reader.read(piece)) {
            break;
        }
        reader.add_to(content, piece);
        pieces.push_back(piece);
    }
    content.tell(facts);
    return pieces;
}

PieceFacts compared(const Piece& before, const Piece& after) {
    PieceFacts facts;
    for (std::size_t page = 0; page < before.digests.size(); ++page) {
        facts.pages += before.digests[page] != 0 || after.digests[page] != 0 ? 1 : 0;
        facts.changed += before.digests[page] != after.digests[page] ? 1 : 0;
    }
    return facts;
}

// In the same order again, so that about the same time is between the readings of each piece. As
// late as it takes to be done when the dirty rate is.
void read_again(Reader& reader, const std::vector<Piece>& pieces, TimePoint end,
                MemoryFacts& facts) {
    if (pieces.empty()) {
        return;
    }
    const auto took = pieces.back().at - pieces.front().at;
    std::this_thread::sleep_until(end - took);
    std::chrono::nanoseconds apart{};
    for (const auto& before : pieces) {
        Piece after{.address = before.address};
        if (Clock::now() > end || !reader.read(after)) {
            break;
        }
        facts.pieces.push_back(compared(before, after));
        apart += after.at - before.at;
    }
    if (!facts.pieces.empty()) {
        facts.piece_window = std::chrono::duration_cast<milliseconds>(
            apart / static_cast<std::int64_t>(facts.pieces.size()));
    }
}

}  // namespace

Result<MemoryFacts> measure_memory(Session& session, const GuestFacts& guest, milliseconds window) {
    const auto domain = domain_by_uuid(session.connection(), guest.ref.uuid);
    if (!domain) {
        return fail(domain.error());
    }
    MemoryFacts facts;
    const auto started = Clock::now();
    const bool measuring = window.count() > 0 && guest.state == GuestState::running &&
                           start_dirty_rate(domain->get(), window);
    const auto seed = static_cast<std::uint64_t>(started.time_since_epoch().count());
    Reader reader(domain->get());
    const auto pieces = read_once(
        reader,
        addresses_to_read(guest_ram(arch_in(guest.xml), guest.memory), kChunk, kChunks, seed),
        facts);
    if (measuring) {
        read_again(reader, pieces, started + window, facts);
        wait_for_dirty_rate(domain->get(), started, window, facts);
    }
    facts.window = std::chrono::duration_cast<milliseconds>(Clock::now() - started);
    return facts;
}

}  // namespace vmigrate::libvirt
