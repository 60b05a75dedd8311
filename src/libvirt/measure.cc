// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <thread>

#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/memory_sampler.h"
#include "libvirt/survey.h"

namespace vmigrate::libvirt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kContentPatience{400};

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
    MemorySampler sampler;
    const auto number = sampler.add(domain->get(), arch_in(guest.xml), guest.memory);
    sampler.read_once(kContentPatience);
    if (measuring) {
        sampler.read_again(started + window);
    }
    sampler.tell(number, facts);
    if (measuring) {
        wait_for_dirty_rate(domain->get(), started, window, facts);
    }
    facts.window = std::chrono::duration_cast<milliseconds>(Clock::now() - started);
    return facts;
}

}  // namespace vmigrate::libvirt
