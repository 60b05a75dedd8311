// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/domain.h"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <array>

#include "base/text.h"
#include "libvirt/domain_xml.h"
#include "libvirt/features.h"
#include "libvirt/patience.h"
#include "libvirt/progress.h"
#include "libvirt/survey.h"

namespace vmigrate::libvirt {
namespace {

/// libvirt waits for a QEMU that hangs for ever.
constexpr milliseconds kPatience = seconds(20);

Result<DomainHandle> found(virDomainPtr domain, const std::string& what) {
    if (domain == nullptr) {
        return fail(last_error(fmt::format("guest {}", vmigrate::quoted(what))));
    }
    return DomainHandle(domain);
}

// libvirt has no word for "waits for a stream": it says paused on both sides, and only the
// receiving one refuses to tell statistics.
bool receives_stream(virDomainPtr domain) {
    virTypedParameterPtr values = nullptr;
    int count = 0;
    int type = 0;
    if (virDomainGetJobStats(domain, &type, &values, &count, 0) == 0) {
        virTypedParamsFree(values, count);
        return false;
    }
    const auto* error = virGetLastError();
    const bool refused = error != nullptr && (error->code == VIR_ERR_OPERATION_UNSUPPORTED ||
                                              error->code == VIR_ERR_OPERATION_INVALID);
    return refused && virDomainIsActive(domain) == 1;  // what just ended refuses too
}

std::string_view operation_name(std::uint64_t operation) {
    static constexpr std::array<std::string_view, 11> kNames{
        "unknown job", "start",  "save", "restore", "migration in",   "migration out",
        "snapshot",    "revert", "dump", "backup",  "snapshot delete"};
    return kNames[operation < kNames.size() ? operation : 0];
}

std::string description(virDomainPtr domain) {
    // the description without secrets: it is for planning, and plans are stored and shown
    auto xml = take(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE));
    return xml.empty() ? take(virDomainGetXMLDesc(domain, 0)) : xml;
}

// Nothing for a guest that is shut off.
std::optional<DiskWrites> writes_to(virDomainPtr domain, const std::string& target) {
    virDomainBlockStatsStruct stats{};
    if (virDomainBlockStats(domain, target.c_str(), &stats, sizeof stats) < 0 || stats.wr_req < 0 ||
        stats.wr_bytes < 0) {
        return std::nullopt;
    }
    return DiskWrites{static_cast<std::uint64_t>(stats.wr_req),
                      {static_cast<std::uint64_t>(stats.wr_bytes)}};
}

void measure_disks(virDomainPtr domain, std::vector<DiskFacts>& disks) {
    for (auto& disk : disks) {
        virDomainBlockInfo info{};
        if (!disk.source.empty() &&
            virDomainGetBlockInfo(domain, disk.target.c_str(), &info, 0) == 0) {
            disk.capacity = {info.capacity};
            disk.allocation = {info.allocation};
            disk.writes = writes_to(domain, disk.target);
        }
    }
}

Result<GuestFacts> described(virDomainPtr domain, const std::string& host) {
    const auto xml = description(domain);
    if (xml.empty()) {
        return fail(last_error("cannot read the guest's description"));
    }
    auto facts = read_domain_xml(xml);
    if (facts) {
        facts->host = host;
        facts->state = virDomainIsActive(domain) == 1 ? GuestState::running : GuestState::shut_off;
    }
    return facts;
}

Result<GuestFacts> facts_of(virDomainPtr domain, const std::string& host) {
    const auto state = state_of(domain);
    if (!state) {
        return fail(state.error());
    }
    auto facts = described(domain, host);
    if (!facts) {
        return facts;
    }
    facts->state = *state;
    facts->persistent = virDomainIsPersistent(domain) == 1;
    if (auto job = job_of(domain)) {
        facts->job_active = true;
        facts->job = std::move(*job);
    }
    if (*state != GuestState::incoming) {  // its QEMU is busy, and libvirt waits for it
        measure_disks(domain, facts->disks);
    }
    if (*state == GuestState::running || *state == GuestState::paused) {
        if (auto features = features_of(domain)) {
            facts->qemu = std::move(*features);
        }
        facts->asked_at = std::chrono::steady_clock::now();
        facts->cpu = cpu_use_of(domain).value_or(CpuUse{});
    }
    return facts;
}

using Look = Result<GuestFacts> (*)(virDomainPtr domain, const std::string& host);

Result<std::optional<GuestFacts>> look_for(Session& session, const std::string& name_or_uuid,
                                           Look look) {
    const auto& host = session.access().name;
    auto facts = within(kPatience,
                        [connection = share(session.connection()), name_or_uuid, host,
                         look]() -> Result<GuestFacts> {
                            const auto domain =
                                domain_by_name_or_uuid(connection.get(), name_or_uuid);
                            return domain ? look(domain->get(), host) : fail(domain.error());
                        });
    if (!facts) {
        return fail(ErrorKind::unreachable,
                    fmt::format("host {} does not tell of guest {} within {}: its QEMU hangs, or "
                                "libvirt there does (virsh domcontrol {})",
                                vmigrate::quoted(host), vmigrate::quoted(name_or_uuid),
                                format_time(kPatience), name_or_uuid));
    }
    if (*facts) {
        return std::optional(std::move(**facts));
    }
    if (facts->error().kind == ErrorKind::not_found) {  // perhaps it went away in between
        return std::optional<GuestFacts>();
    }
    return fail(std::move(facts->error()));
}

}  // namespace

Result<DomainHandle> domain_by_uuid(virConnectPtr connection, const std::string& uuid) {
    return found(virDomainLookupByUUIDString(connection, uuid.c_str()), uuid);
}

Result<DomainHandle> domain_by_name_or_uuid(virConnectPtr connection,
                                            const std::string& name_or_uuid) {
    auto by_name = found(virDomainLookupByName(connection, name_or_uuid.c_str()), name_or_uuid);
    if (by_name || by_name.error().kind != ErrorKind::not_found) {
        return by_name;
    }
    auto by_uuid = domain_by_uuid(connection, name_or_uuid);
    // text that is no UUID is "invalid", not "not found"
    const auto* error = virGetLastError();
    if (!by_uuid && error != nullptr && error->code == VIR_ERR_INVALID_ARG) {
        return by_name;
    }
    return by_uuid;
}

Result<bool> is_active(virDomainPtr domain) {
    const int active = virDomainIsActive(domain);
    return active < 0 ? Result<bool>(fail(last_error("state of the guest"))) : active == 1;
}

Result<GuestState> state_of(virDomainPtr domain) {
    int state = 0;
    if (virDomainGetState(domain, &state, nullptr, 0) < 0) {
        return fail(last_error("state of the guest"));
    }
    switch (state) {
        case VIR_DOMAIN_SHUTOFF:
            return GuestState::shut_off;
        case VIR_DOMAIN_CRASHED:
            return virDomainIsActive(domain) == 1 ? GuestState::paused : GuestState::shut_off;
        case VIR_DOMAIN_PAUSED:
            return receives_stream(domain) ? GuestState::incoming : GuestState::paused;
        case VIR_DOMAIN_PMSUSPENDED:
            return GuestState::paused;
        default:
            return GuestState::running;
    }
}

Result<PostcopyState> postcopy_state_of(virDomainPtr domain) {
    int state = 0;
    int reason = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) {
        return fail(last_error("state of the guest"));
    }
    const bool running = state == VIR_DOMAIN_RUNNING;
    const bool paused = state == VIR_DOMAIN_PAUSED;
    if ((running && reason == VIR_DOMAIN_RUNNING_POSTCOPY_FAILED) ||
        (paused && reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)) {
        return PostcopyState::broken;
    }
    return (running && reason == VIR_DOMAIN_RUNNING_POSTCOPY) ||
                   (paused && reason == VIR_DOMAIN_PAUSED_POSTCOPY)
               ? PostcopyState::running
               : PostcopyState::none;
}

GuestState state_by_uuid(virConnectPtr connection, const std::string& uuid) {
    const auto as_state = [](const Error& error) {
        return error.kind == ErrorKind::not_found ? GuestState::absent : GuestState::unreachable;
    };
    const auto domain = domain_by_uuid(connection, uuid);
    if (!domain) {
        return as_state(domain.error());
    }
    const auto state = state_of(domain->get());
    return state ? *state : as_state(state.error());
}

std::optional<bool> migrates_away(virDomainPtr domain) {
    const auto stats = job_stats(domain, 0);
    if (!stats) {
        const bool has_no_process =
            stats.error().kind == ErrorKind::not_found || virDomainIsActive(domain) == 0;
        return has_no_process ? std::optional(false) : std::nullopt;
    }
    return stats->type != VIR_DOMAIN_JOB_NONE &&
           stats->params.number(VIR_DOMAIN_JOB_OPERATION)
                   .value_or(VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT) ==
               VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
}

// libvirt calls it a job, too, when it is for a migration that it waits
Result<bool> waits_for_qemu(virDomainPtr domain) {
    virDomainControlInfo control{};
    if (virDomainGetControlInfo(domain, &control, 0) < 0) {
        return fail(last_error("state of the connection to QEMU"));
    }
    return control.state != VIR_DOMAIN_CONTROL_OK;
}

std::optional<std::string> job_of(virDomainPtr domain) {
    const auto stats = job_stats(domain, 0);
    if (!stats || stats->type == VIR_DOMAIN_JOB_NONE) {
        return std::nullopt;
    }
    return std::string(operation_name(stats->params.number(VIR_DOMAIN_JOB_OPERATION).value_or(0)));
}

std::optional<CpuUse> cpu_use_of(virDomainPtr domain) {
    virDomainInfo info{};
    if (virDomainGetInfo(domain, &info) < 0) {
        return std::nullopt;
    }
    CpuUse use;
    use.process = std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds(info.cpuTime));
    std::array<virDomainPtr, 2> one{domain, nullptr};
    virDomainStatsRecordPtr* records = nullptr;
    const int count = virDomainListGetStats(one.data(), VIR_DOMAIN_STATS_VCPU, &records,
                                            VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
    for (int i = 0; i < count; ++i) {
        const auto* record = records[i];
        for (unsigned vcpu = 0; vcpu < info.nrVirtCpu; ++vcpu) {
            unsigned long long time = 0;
            if (virTypedParamsGetULLong(record->params, record->nparams,
                                        fmt::format("vcpu.{}.time", vcpu).c_str(), &time) == 1) {
                use.vcpus +=
                    std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds(time));
            }
        }
    }
    if (records != nullptr) {
        virDomainStatsRecordListFree(records);
    }
    return use;
}

Result<std::optional<GuestFacts>> find_guest(Session& session, const std::string& name_or_uuid) {
    return look_for(session, name_or_uuid, facts_of);
}

Result<std::optional<GuestFacts>> describe_guest(Session& session, const std::string& uuid) {
    return look_for(session, uuid, described);
}

void look_at_writes_again(Session& session, GuestFacts& guest) {
    const auto domain = domain_by_uuid(session.connection(), guest.ref.uuid);
    if (!domain) {
        return;
    }
    for (auto& disk : guest.disks) {
        const auto now = disk.writes ? writes_to(domain->get(), disk.target) : std::nullopt;
        if (now && now->requests >= disk.writes->requests) {
            disk.recent = {now->requests - disk.writes->requests, now->bytes - disk.writes->bytes};
        }
    }
}

Result<std::vector<GuestRef>> list_guests(Session& session) {
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(session.connection(), &domains, 0);
    if (count < 0) {
        return fail(last_error("cannot list guests"));
    }
    std::vector<GuestRef> guests;
    for (int i = 0; i < count; ++i) {
        const DomainHandle domain(domains[i]);
        std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
        virDomainGetUUIDString(domain.get(), uuid.data());
        guests.push_back({uuid.data(), virDomainGetName(domain.get())});
    }
    free(domains);
    return guests;
}

Result<QemuFeatures> query_features(Session& session, const GuestRef& guest) {
    const auto domain = domain_by_uuid(session.connection(), guest.uuid);
    if (!domain) {
        return fail(domain.error());
    }
    return features_of(domain->get());
}

}  // namespace vmigrate::libvirt
