// SPDX-License-Identifier: GPL-2.0-or-later
#include <lz4.h>

#include <algorithm>
#include <array>
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

    void add(const char* page) {
        ++pages;
        if (std::all_of(page, page + kPage, [](char byte) { return byte == 0; })) {
            ++zero_pages;
            return;
        }
        // a page that grows is sent as it is
        std::array<char, kPage> out;
        const int size = LZ4_compress_fast(page, out.data(), kPage, kPage, kLz4Acceleration);
        compressed += size > 0 ? static_cast<std::uint64_t>(size) : kPage;
    }
};

// Reads in random order, so that any prefix of them is a fair sample when time runs out.
void sample_content(virDomainPtr domain, const std::vector<std::uint64_t>& addresses,
                    MemoryFacts& facts) {
    const auto deadline = Clock::now() + kContentPatience;
    std::vector<char> chunk(kChunk);
    Content content;
    for (const auto address : addresses) {
        if (Clock::now() > deadline) {
            break;
        }
        if (virDomainMemoryPeek(domain, address, chunk.size(), chunk.data(), VIR_MEMORY_PHYSICAL) <
            0) {
            break;  // refused once, refused always
        }
        for (std::size_t at = 0; at < chunk.size(); at += kPage) {
            content.add(chunk.data() + at);
        }
    }
    if (content.pages == 0) {
        return;
    }
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
    };
    const auto written = content.pages - content.zero_pages;
    facts.pages_sampled = static_cast<std::uint32_t>(content.pages);
    facts.zero_share = share(content.zero_pages, content.pages);
    facts.compressed_share = written > 0 ? share(content.compressed, written * kPage) : 1.0;
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
    sample_content(
        domain->get(),
        addresses_to_read(guest_ram(arch_in(guest.xml), guest.memory), kChunk, kChunks, seed),
        facts);
    if (measuring) {
        wait_for_dirty_rate(domain->get(), started, window, facts);
    }
    return facts;
}

}  // namespace vmigrate::libvirt
