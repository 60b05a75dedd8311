// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <string_view>
#include <vector>

#include "libvirt/handles.h"
#include "libvirt/survey.h"

namespace vmigrate::libvirt {
namespace {

void read_capabilities(virConnectPtr connection, HostFacts& facts) {
    const auto xml = take(virConnectGetCapabilities(connection));
    pugi::xml_document document;
    document.load_buffer(xml.data(), xml.size());
    const auto host = document.child("capabilities").child("host");
    facts.uuid = host.child("uuid").text().get();
    facts.arch = host.child("cpu").child("arch").text().get();
}

// What a new guest could get: free, and what the kernel gives back when asked (buffers and page
// cache). Libvirt has no word for the kernel's own estimate.
void read_memory(virConnectPtr connection, const virNodeInfo& node, HostFacts& facts) {
    facts.memory_total = kibibytes(node.memory);
    int count = 0;
    if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, nullptr, &count, 0) <
            0 ||
        count <= 0) {
        facts.memory_free = {virNodeGetFreeMemory(connection)};
        return;
    }
    std::vector<virNodeMemoryStats> stats(static_cast<std::size_t>(count));
    if (virNodeGetMemoryStats(connection, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats.data(), &count,
                              0) < 0) {
        return;
    }
    for (const auto& entry : stats) {
        const std::string_view field = entry.field;
        if (field == VIR_NODE_MEMORY_STATS_TOTAL) {
            facts.memory_total = kibibytes(entry.value);
        } else if (field == VIR_NODE_MEMORY_STATS_FREE || field == VIR_NODE_MEMORY_STATS_BUFFERS ||
                   field == VIR_NODE_MEMORY_STATS_CACHED) {
            facts.memory_free += kibibytes(entry.value);
        }
    }
}

// How many pages KSM merges at the moment; whether it runs is not told.
bool merges_pages(virConnectPtr connection) {
    int count = 0;
    if (virNodeGetMemoryParameters(connection, nullptr, &count, 0) < 0 || count <= 0) {
        return false;
    }
    std::vector<virTypedParameter> values(static_cast<std::size_t>(count));
    if (virNodeGetMemoryParameters(connection, values.data(), &count, 0) < 0) {
        return false;
    }
    unsigned long long shared = 0;
    virTypedParamsGetULLong(values.data(), count, VIR_NODE_MEMORY_SHARED_PAGES_SHARED, &shared);
    virTypedParamsClear(values.data(), count);
    return shared > 0;
}

// Which of several interfaces the stream will take is a matter of the host's routes, which libvirt
// does not tell. Only hardware counts: the speed of a virtual interface is made up. The fastest is
// right or too fast, and a limit that is too high costs nothing.
std::optional<BytesPerSecond> fastest_link(virConnectPtr connection) {
    virNodeDevicePtr* devices = nullptr;
    const int count =
        virConnectListAllNodeDevices(connection, &devices, VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET);
    std::uint64_t fastest_megabits = 0;
    for (int i = 0; i < count; ++i) {
        const NodeDeviceHandle device(devices[i]);
        const auto* parent = virNodeDeviceGetParent(device.get());
        if (parent == nullptr || std::string_view(parent) == "computer") {
            continue;
        }
        const auto xml = take(virNodeDeviceGetXMLDesc(device.get(), 0));
        pugi::xml_document document;
        document.load_buffer(xml.data(), xml.size());
        const auto link = document.child("device").child("capability").child("link");
        if (std::string_view(link.attribute("state").value()) == "up") {
            fastest_megabits =
                std::max<std::uint64_t>(fastest_megabits, link.attribute("speed").as_ullong());
        }
    }
    free(devices);
    if (fastest_megabits == 0) {
        return std::nullopt;
    }
    return BytesPerSecond{fastest_megabits * 1'000'000 / 8};
}

}  // namespace

Result<HostFacts> survey_host(Session& session) {
    auto* connection = session.connection();
    const auto begin = std::chrono::steady_clock::now();
    virNodeInfo node{};
    if (virNodeGetInfo(connection, &node) < 0) {
        return fail(last_error(fmt::format("cannot ask host \"{}\"", session.access().name)));
    }
    HostFacts facts;
    facts.answer_time = session.open_time() + std::chrono::duration_cast<milliseconds>(
                                                  std::chrono::steady_clock::now() - begin);
    facts.name = session.access().name;
    facts.uri = session.access().uri;
    facts.hostname = take(virConnectGetHostname(connection));
    const auto* type = virConnectGetType(connection);
    facts.hypervisor = type != nullptr ? type : "";
    facts.cpus = node.cpus;
    read_capabilities(connection, facts);
    read_memory(connection, node, facts);
    unsigned long version = 0;
    if (virConnectGetLibVersion(connection, &version) == 0) {
        facts.libvirt_version = version;
    }
    if (virConnectGetVersion(connection, &version) == 0) {
        facts.qemu_version = version;
    }
    facts.guests_running = static_cast<unsigned>(std::max(0, virConnectNumOfDomains(connection)));
    facts.link = fastest_link(connection);
    facts.merges_pages = merges_pages(connection);
    return facts;
}

std::optional<CpuTimes> cpu_times(Session& session) {
    auto* connection = session.connection();
    int count = 0;
    if (virNodeGetCPUStats(connection, VIR_NODE_CPU_STATS_ALL_CPUS, nullptr, &count, 0) < 0 ||
        count <= 0) {
        return std::nullopt;
    }
    std::vector<virNodeCPUStats> stats(static_cast<std::size_t>(count));
    if (virNodeGetCPUStats(connection, VIR_NODE_CPU_STATS_ALL_CPUS, stats.data(), &count, 0) < 0) {
        return std::nullopt;
    }
    CpuTimes times;
    for (const auto& entry : stats) {
        const std::string_view field = entry.field;
        const std::chrono::nanoseconds value(static_cast<std::int64_t>(entry.value));
        // who waits for a disk leaves the processor to others
        if (field == VIR_NODE_CPU_STATS_IDLE || field == VIR_NODE_CPU_STATS_IOWAIT) {
            times.idle += value;
        }
        if (field != VIR_NODE_CPU_STATS_UTILIZATION) {
            times.all += value;
        }
    }
    return times;
}

std::optional<double> idle_between(const CpuTimes& before, const CpuTimes& after, unsigned cpus) {
    // the kernel counts in hundredths of a second
    constexpr std::chrono::nanoseconds kTelling = milliseconds(200);
    const auto all = after.all - before.all;
    if (all < kTelling || after.idle < before.idle) {
        return std::nullopt;
    }
    return cpus * std::min(1.0, static_cast<double>((after.idle - before.idle).count()) /
                                    static_cast<double>(all.count()));
}

}  // namespace vmigrate::libvirt
