// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_needs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

using Names = std::set<std::string>;

/// Checks whose answer does not hold for long, or that the placement makes by itself.
constexpr std::array<std::string_view, 4> kOfTheMoment = {"destination-memory", "guest-idle",
                                                          "guest-state", "lease"};
/// Checks of the guest alone.
constexpr std::array<std::string_view, 2> kOfTheGuest = {"devices", "definition"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

/// The words for one failed check, as what follows "no".
std::string need_behind(const Check& check, const GuestFacts& guest) {
    if (check.name == "cpu") {
        return processor_need(guest.cpu_xml);
    }
    if (check.name.starts_with("disk ")) {
        const auto target = check.name.substr(5);
        const auto disk = std::ranges::find(guest.disks, target, &DiskFacts::target);
        return "storage " + (disk != guest.disks.end() ? disk->source : target);
    }
    if (check.name == "emulator") {
        return fmt::format("emulator {} for {}", guest.emulator, guest.machine);
    }
    if (check.name == "version") {
        return fmt::format("QEMU and libvirt as new as on {}", guest.host);
    }
    if (check.name == "encryption") {
        return "encrypted way for its memory";
    }
    if (check.name == "graphics") {
        return "graphics-listen for its display";
    }
    if (check.name == "name-free") {
        return fmt::format("free name {}", quoted(guest.ref.name));
    }
    if (check.name == "other-host") {
        return "libvirt of its own";
    }
    if (check.name == "hypervisor-type") {
        return "hypervisor and architecture as on " + guest.host;
    }
    return fmt::format("{}: {}", check.name, check.finding);
}

Names missing_networks(const DestinationFacts& facts) {
    Names missing;
    for (const auto& [source, exists] : facts.nic_sources) {
        if (exists && !*exists) {
            missing.insert(source);
        }
    }
    return missing;
}

}  // namespace

std::string processor_need(const std::string& cpu_xml) {
    const auto between = [&](std::string_view before, char after) {
        const auto found = cpu_xml.find(before);
        if (found == std::string::npos) {
            return std::string();
        }
        const auto begin = found + before.size();
        return cpu_xml.substr(begin, cpu_xml.find(after, begin) - begin);
    };
    auto model = between("<model", '/');  // " fallback='allow'>NAME<"
    model = model.substr(std::min(model.size(), model.find('>') + 1));
    model = model.substr(0, model.find('<'));
    if (!model.empty()) {
        return "cpu " + model;
    }
    auto mode = between("mode='", '\'');
    mode = mode.empty() ? between("mode=\"", '"') : mode;
    return "cpu " + (mode.empty() ? "of its machine type" : mode);
}

GuestNeeds needs_of(const GuestFacts& guest, const std::vector<Sight>& sights) {
    GuestNeeds result;
    for (const auto& [facts, checks] : sights) {
        auto& lacks = result.lacks[facts.host.name];
        for (const auto& [source, exists] : facts.nic_sources) {
            result.needs.insert(source);
        }
        for (const auto& check : checks) {
            if (check.verdict != Check::Verdict::failed || is_one_of(kOfTheMoment, check.name)) {
                continue;
            }
            if (is_one_of(kOfTheGuest, check.name)) {
                result.unmovable = check.finding;
            } else if (check.name == "network") {
                lacks.merge(missing_networks(facts));
            } else {
                lacks.insert(need_behind(check, guest));
            }
        }
    }
    for (const auto& [host, lacks] : result.lacks) {
        result.needs.insert(lacks.begin(), lacks.end());
    }
    if (!guest.host_devices.empty() && result.unmovable.empty()) {
        result.unmovable =
            fmt::format("passed-through devices: {}", fmt::join(guest.host_devices, ", "));
    }
    return result;
}

}  // namespace vmigrate::cli
