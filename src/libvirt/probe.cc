// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/probe.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <pugixml.hpp>
#include <random>
#include <sstream>
#include <tuple>

#include "base/text.h"
#include "libvirt/features.h"
#include "libvirt/handles.h"
#include "libvirt/patience.h"

namespace vmigrate::libvirt {
namespace {

constexpr milliseconds kProbePatience = seconds(15);

// Several vmigrates, on several machines, may ask one host at a time.
std::string unique_name() {
    std::random_device random;
    return fmt::format("vmigrate-probe-{:08x}{:08x}", random(), random());
}

Result<QemuFeatures> ask(const HostAccess& host, const ProbeKind& kind) {
    const auto session = Session::open(host);
    if (!session) {
        return fail(session.error());
    }
    const DomainHandle guest(
        virDomainCreateXML((*session)->connection(), probe_xml(kind, unique_name()).c_str(),
                           VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
    if (!guest) {
        return fail(last_error(""));
    }
    auto features = features_of(guest.get());
    virDomainDestroy(guest.get());  // else the end of the connection does it
    return features;
}

}  // namespace

std::string probe_xml(const ProbeKind& kind, const std::string& name) {
    pugi::xml_document document;
    auto domain = document.append_child("domain");
    domain.append_attribute("type") = kind.domain_type.c_str();
    domain.append_child("name").text() = name.c_str();
    domain.append_child("title").text() =
        "Asked by vmigrate what its emulator can do; ends by itself";
    auto memory = domain.append_child("memory");
    memory.append_attribute("unit") = "MiB";
    memory.text() = 16;
    domain.append_child("vcpu").text() = 1;
    auto type = domain.append_child("os").append_child("type");
    type.append_attribute("arch") = kind.arch.c_str();
    type.append_attribute("machine") = kind.machine.c_str();
    type.text() = "hvm";
    auto devices = domain.append_child("devices");
    if (!kind.emulator.empty()) {
        devices.append_child("emulator").text() = kind.emulator.c_str();
    }
    auto usb = devices.append_child("controller");
    usb.append_attribute("type") = "usb";
    usb.append_attribute("model") = "none";
    devices.append_child("memballoon").append_attribute("model") = "none";
    std::ostringstream out;
    document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
    return out.str();
}

Result<QemuFeatures> probe_emulator(const HostAccess& host, const ProbeKind& kind,
                                    EmulatorMemory* memory) {
    static std::mutex mutex;
    static std::map<std::tuple<std::string, std::string, std::string>, QemuFeatures> answers;
    const auto key = std::tuple(host.uri, kind.emulator, kind.arch);
    const std::lock_guard lock(mutex);
    if (const auto known = answers.find(key); known != answers.end()) {
        return known->second;
    }
    const EmulatorKey emulator{host.uri, kind.emulator, kind.arch};
    if (auto known = memory != nullptr ? memory->recall(emulator) : std::nullopt) {
        return answers[key] = std::move(*known);
    }
    auto answer = within(kProbePatience, [host, kind] { return ask(host, kind); });
    if (!answer) {
        return fail(ErrorKind::unreachable,
                    fmt::format("{} of host {} was not started within {}", kind.emulator,
                                vmigrate::quoted(host.name), format_time(kProbePatience)));
    }
    if (*answer) {
        answers[key] = **answer;
        if (memory != nullptr) {
            memory->keep(emulator, **answer);
        }
    }
    return std::move(*answer);
}

}  // namespace vmigrate::libvirt
