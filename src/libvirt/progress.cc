// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/progress.h"

#include "libvirt/session.h"

namespace vmigrate::libvirt {
namespace {

/// In which QEMU delays memory.
constexpr Bytes kSegment = mebibytes(2);

}  // namespace

Result<JobStats> job_stats(virDomainPtr domain, unsigned flags) {
    virTypedParameterPtr values = nullptr;
    int count = 0;
    JobStats stats;
    if (virDomainGetJobStats(domain, &stats.type, &values, &count, flags) < 0) {
        return fail(last_error("progress of the migration"));
    }
    stats.params = TypedParams(values, count);
    return stats;
}

Sample to_sample(const JobStats& stats) {
    const auto& params = stats.params;
    const auto number = [&params](const char* name) { return params.number(name).value_or(0); };
    Sample sample;
    sample.at = std::chrono::steady_clock::now();
    switch (stats.type) {
        case VIR_DOMAIN_JOB_BOUNDED:
        case VIR_DOMAIN_JOB_UNBOUNDED:
            sample.job = JobState::active;
            break;
        case VIR_DOMAIN_JOB_COMPLETED:
            sample.job = JobState::completed;
            break;
        case VIR_DOMAIN_JOB_FAILED:
            sample.job = JobState::failed;
            break;
        case VIR_DOMAIN_JOB_CANCELLED:
            sample.job = JobState::cancelled;
            break;
        default:
            break;
    }
    // QEMU counts the full copy as 1
    const auto pass = number(VIR_DOMAIN_JOB_MEMORY_ITERATION);
    sample.iteration = static_cast<std::uint32_t>(pass > 0 ? pass - 1 : 0);
    sample.memory_total = {number(VIR_DOMAIN_JOB_MEMORY_TOTAL)};
    sample.memory_remaining = {number(VIR_DOMAIN_JOB_MEMORY_REMAINING)};
    sample.memory_sent = {number(VIR_DOMAIN_JOB_MEMORY_PROCESSED)};
    sample.disk_total = {number(VIR_DOMAIN_JOB_DISK_TOTAL)};
    sample.disk_remaining = {number(VIR_DOMAIN_JOB_DISK_REMAINING)};
    sample.disk_sent = {number(VIR_DOMAIN_JOB_DISK_PROCESSED)};
    sample.dirty_rate = {number(VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE) *
                         number(VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE)};
    sample.bandwidth = {number(VIR_DOMAIN_JOB_MEMORY_BPS)};
    if (const auto downtime = params.number(VIR_DOMAIN_JOB_DOWNTIME)) {
        sample.expected_downtime = milliseconds(*downtime);
    }
    sample.throttle_percent = static_cast<unsigned>(number(VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE));
    return sample;
}

std::optional<StreamDisks> stream_disks_in(const Json& answer) {
    const auto told = answer.find("block-migration");
    if (told == answer.end() || !told->is_object()) {
        return std::nullopt;
    }
    const auto bytes = [&told](const char* name) {
        return Bytes{member(*told, name, std::uint64_t{0})};
    };
    return StreamDisks{member(*told, "bulk-completed", false), bytes("dirty-bytes"),
                       member(*told, "iterations", std::uint64_t{0}),
                       bytes("iteration-dirty-bytes"), bytes("iteration-new-dirty-bytes")};
}

namespace {

std::optional<Mirror> mirror_in(const Json& jobs, const std::string& name) {
    for (const auto& job : jobs) {
        if (member(job, "device", std::string()) == name) {
            // what the guest writes makes the job longer
            const Bytes copied{member(job, "offset", std::uint64_t{0})};
            return Mirror{copied, Bytes{member(job, "len", std::uint64_t{0})} - copied,
                          member(job, "ready", false)};
        }
    }
    return std::nullopt;
}

}  // namespace

std::vector<DiskCopy> disk_copies_in(const std::vector<CopiedDisk>& disks, const Json& blockstats,
                                     const Json& jobs) {
    std::vector<DiskCopy> copies;
    for (const auto& disk : disks) {
        for (const auto& told : blockstats) {
            if (member(told, "qdev", std::string()) == disk.device && told.contains("stats")) {
                copies.push_back({disk.target,
                                  {member(told["stats"], "wr_bytes", std::uint64_t{0})},
                                  mirror_in(jobs, disk.job)});
            }
        }
    }
    return copies;
}

std::optional<DelayedMemory> delayed_memory_in(const Json& answer) {
    const auto told = answer.find("ram-delay");
    if (told == answer.end() || !told->is_object()) {
        return std::nullopt;
    }
    const auto number = [&told](const char* name) { return member(*told, name, std::uint64_t{0}); };
    return DelayedMemory{member(*told, "active", false), number("rounds"),
                         Bytes{number("segments") * kSegment.count}, Bytes{number("bytes")},
                         Bytes{number("saved-bytes")}};
}

bool may_delay(const Sample& sample) {
    constexpr double kEndsBelow = 0.1;  // QEMU's own figure
    return sample.iteration > 0 && sample.memory_remaining >= sample.memory_total * kEndsBelow;
}

}  // namespace vmigrate::libvirt
