// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/guest_loads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <thread>

#include "base/text.h"
#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/memory_sampler.h"
#include "libvirt/patience.h"

namespace vmigrate::libvirt {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

/// For dirty rates that are not known yet at the end of the window.
constexpr milliseconds kGrace{1000};
constexpr milliseconds kBetweenLooks{20};
/// For reading pieces of memory, once.
constexpr milliseconds kPatience{400};
constexpr milliseconds kPatienceForOne{40};

struct Watched {
    DomainHandle domain;
    GuestLoad load;
    Nanoseconds cpu_time{};
    TimePoint at{};
    bool rate_awaited = false;
};

std::optional<virDomainInfo> info_of(virDomainPtr domain) {
    virDomainInfo info{};
    return virDomainGetInfo(domain, &info) < 0 ? std::nullopt : std::optional(info);
}

std::string uuid_of(virDomainPtr domain) {
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    virDomainGetUUIDString(domain, uuid.data());
    return uuid.data();
}

Result<std::vector<Watched>> active_guests(virConnectPtr connection) {
    virDomainPtr* domains = nullptr;
    const int count =
        virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (count < 0) {
        return fail(last_error("cannot list guests"));
    }
    std::vector<Watched> guests;
    for (int i = 0; i < count; ++i) {
        Watched guest;
        guest.domain = DomainHandle(domains[i]);
        guest.load.ref = {uuid_of(guest.domain.get()), virDomainGetName(guest.domain.get())};
        const auto info = info_of(guest.domain.get());
        if (info && info->state != VIR_DOMAIN_SHUTOFF) {  // else it ended in between
            guest.load.memory = kibibytes(info->memory);
            guest.cpu_time = Nanoseconds(info->cpuTime);
            guest.at = Clock::now();
            guests.push_back(std::move(guest));
        }
    }
    free(domains);
    return guests;
}

/// What one call tells of all of them.
void read_statistics(std::vector<Watched>& guests) {
    std::map<std::string, Watched*> by_uuid;
    std::vector<virDomainPtr> list;
    for (auto& guest : guests) {
        by_uuid[guest.load.ref.uuid] = &guest;
        list.push_back(guest.domain.get());
    }
    list.push_back(nullptr);
    virDomainStatsRecordPtr* records = nullptr;
    const int count =
        virDomainListGetStats(list.data(), VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_DIRTYRATE,
                              &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    for (int i = 0; i < count; ++i) {
        const auto* record = records[i];
        const auto found = by_uuid.find(uuid_of(record->dom));
        if (found == by_uuid.end()) {
            continue;
        }
        auto& guest = *found->second;
        unsigned long long kibibytes_used = 0;
        if (virTypedParamsGetULLong(record->params, record->nparams, "balloon.rss",
                                    &kibibytes_used) == 1) {
            guest.load.used = std::min(kibibytes(kibibytes_used), guest.load.memory);
        }
        int status = 0;
        long long rate = 0;
        if (guest.rate_awaited &&
            virTypedParamsGetInt(record->params, record->nparams, "dirtyrate.calc_status",
                                 &status) == 1 &&
            status == VIR_DOMAIN_DIRTYRATE_MEASURED &&
            virTypedParamsGetLLong(record->params, record->nparams,
                                   "dirtyrate.megabytes_per_second", &rate) == 1) {
            guest.load.measured.dirty_rate = {
                mebibytes(static_cast<std::uint64_t>(std::max(0LL, rate))).count};
            guest.rate_awaited = false;
        }
    }
    if (records != nullptr) {
        virDomainStatsRecordListFree(records);
    }
}

/// Beside the dirty rate, and no longer where that is enough.
void look_into_memory(const std::vector<Watched*>& guests, TimePoint end) {
    MemorySampler sampler;
    for (const auto* guest : guests) {
        const auto xml = take(virDomainGetXMLDesc(guest->domain.get(), 0));
        sampler.add(guest->domain.get(), arch_in(xml), guest->load.memory);
    }
    sampler.read_once(std::max(kPatience, kPatienceForOne * static_cast<int>(guests.size())));
    sampler.read_again(std::max(end, sampler.earliest_end()));
    for (std::size_t i = 0; i < guests.size(); ++i) {
        sampler.tell(i, guests[i]->load.measured);
    }
}

void measure(std::vector<Watched>& guests, seconds window, const Sampled& sampled) {
    std::vector<Watched*> looked_into;
    for (auto& guest : guests) {
        guest.rate_awaited =
            virDomainStartDirtyRateCalc(guest.domain.get(), static_cast<int>(window.count()),
                                        VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING) == 0;
        guest.load.measured.dirty_window = window;
        guest.load.measured.dirty_method = "page-sampling";
        if (sampled && sampled(guest.load.ref.uuid)) {
            looked_into.push_back(&guest);
        }
    }
    const auto end = Clock::now() + window;
    look_into_memory(looked_into, end);
    std::this_thread::sleep_until(end);
    for (auto& guest : guests) {
        const auto info = info_of(guest.domain.get());
        const std::chrono::duration<double> elapsed = Clock::now() - guest.at;
        const std::chrono::duration<double> used =
            Nanoseconds(info ? info->cpuTime : 0) - guest.cpu_time;
        if (info && used.count() >= 0 && elapsed.count() > 0) {
            guest.load.busy_cpus = used / elapsed;
        }
    }
    const auto awaited = [&] {
        return std::ranges::any_of(guests, [](const Watched& guest) { return guest.rate_awaited; });
    };
    for (read_statistics(guests); awaited() && Clock::now() < end + kGrace;
         read_statistics(guests)) {
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

}  // namespace

Result<std::vector<GuestLoad>> measure_guests(Session& session, seconds window,
                                              const Sampled& sampled) {
    auto guests = active_guests(session.connection());
    if (!guests) {
        return fail(guests.error());
    }
    if (!guests->empty() && window.count() > 0) {
        measure(*guests, window, sampled);
    } else if (!guests->empty()) {
        read_statistics(*guests);
    }
    std::vector<GuestLoad> loads;
    for (auto& guest : *guests) {
        loads.push_back(std::move(guest.load));
    }
    return loads;
}

Result<HostLook> look_at_host(const std::shared_ptr<Session>& session, milliseconds patience) {
    auto look = within(patience, [session]() -> Result<HostLook> {
        const auto facts = survey_host(*session);
        auto guests = facts ? measure_guests(*session, seconds(0)) : fail(facts.error());
        if (!guests) {
            return fail(guests.error());
        }
        return HostLook{facts->memory_free, facts->cpus, cpu_times(*session), std::move(*guests)};
    });
    if (!look) {
        return fail(ErrorKind::unreachable,
                    fmt::format("host {} does not answer within {}",
                                vmigrate::quoted(session->access().name), format_time(patience)));
    }
    return std::move(*look);
}

Result<void> ask_to_shut_down(Session& session, const std::string& uuid) {
    const auto domain = domain_by_uuid(session.connection(), uuid);
    if (!domain) {
        return fail(domain.error());
    }
    if (virDomainShutdown(domain->get()) < 0) {
        return fail(last_error(
            fmt::format("guest {} cannot be shut down",
                        vmigrate::quoted(std::string(virDomainGetName(domain->get()))))));
    }
    return {};
}

}  // namespace vmigrate::libvirt
