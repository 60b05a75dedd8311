// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/disk_limits.h"

#include <algorithm>
#include <array>

#include "libvirt/qmp.h"

namespace vmigrate::libvirt {
namespace {

/// QEMU wants these always, and tells them always (0 = none) ...
constexpr std::array kRates = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};
/// ... and these only where there are some.
constexpr std::array kMore = {"bps_max",
                              "bps_rd_max",
                              "bps_wr_max",
                              "iops_max",
                              "iops_rd_max",
                              "iops_wr_max",
                              "bps_max_length",
                              "bps_rd_max_length",
                              "bps_wr_max_length",
                              "iops_max_length",
                              "iops_rd_max_length",
                              "iops_wr_max_length",
                              "iops_size",
                              "group"};

std::uint64_t number(const Json& limits, const char* name) {
    return member(limits, name, std::uint64_t{0});
}

Json limits_in(const Json& inserted) {
    Json limits = Json::object();
    for (const auto* name : kRates) {
        limits[name] = number(inserted, name);
    }
    for (const auto* name : kMore) {
        if (inserted.contains(name)) {
            limits[name] = inserted[name];
        }
    }
    return limits;
}

}  // namespace

Json disk_limits_in(const Json& blocks) {
    Json all = Json::object();
    for (const auto& block : blocks) {
        const auto device = member(block, "qdev", std::string());
        if (!device.empty() && block.contains("inserted")) {
            all[device] = limits_in(block["inserted"]);
        }
    }
    return all;
}

Json with_write_limit(const Json& own, BytesPerSecond limit) {
    auto limits = own;
    const auto total = number(own, "bps");
    const auto writes = number(own, "bps_wr");
    if (total > 0 && total <= limit.count) {
        return limits;
    }
    // QEMU takes no limit of writes beside one of both; what is left of that is for reads.
    if (total > 0) {
        limits["bps"] = 0;
        limits["bps_rd"] = total - limit.count;
        for (const auto* name : {"bps_max", "bps_max_length"}) {
            limits.erase(name);
        }
    }
    limits["bps_wr"] = writes > 0 ? std::min(writes, limit.count) : limit.count;
    for (const auto* name : {"bps_wr_max", "bps_wr_max_length"}) {  // bursts
        limits.erase(name);
    }
    return limits;
}

bool shares_limits(const Json& all, const std::string& device) {
    const auto group =
        all.contains(device) ? member(all[device], "group", std::string()) : std::string();
    return !group.empty() && std::ranges::count_if(all.items(), [&group](const auto& other) {
                                 return member(other.value(), "group", std::string()) == group;
                             }) > 1;
}

Result<Json> disk_limits_of(virDomainPtr domain) {
    const auto blocks = execute(domain, "query-block");
    if (!blocks) {
        return fail(blocks.error());
    }
    return disk_limits_in(*blocks);
}

Result<void> set_disk_limits(virDomainPtr domain, const std::string& device, const Json& limits) {
    auto arguments = limits;
    arguments["id"] = device;
    const auto set = execute(domain, "block_set_io_throttle", arguments);
    if (!set) {
        return fail(set.error());
    }
    return {};
}

}  // namespace vmigrate::libvirt
