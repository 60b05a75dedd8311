// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <pugixml.hpp>
#include <sstream>
#include <string_view>

#include "base/text.h"
#include "libvirt/disk_reach.h"
#include "libvirt/domain.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/probe.h"
#include "libvirt/survey.h"
#include "orchestrator/qemu_choice.h"

namespace vmigrate::libvirt {
namespace {

bool last_error_is(int code) {
    const auto* error = virGetLastError();
    return error != nullptr && error->code == code;
}

/// libvirt 9 fails now and then without any cause while it looks at an emulator.
bool last_error_has_cause() {
    const auto* error = virGetLastError();
    return error != nullptr && error->domain != VIR_FROM_NONE;
}

void check_emulator(virConnectPtr connection, const GuestFacts& guest, const std::string& arch,
                    DestinationFacts& facts) {
    const auto ask = [&] {
        return take(virConnectGetDomainCapabilities(
            connection, facts.emulator.empty() ? nullptr : facts.emulator.c_str(), arch.c_str(),
            guest.machine.c_str(), guest.domain_type.c_str(), 0));
    };
    auto capabilities = ask();
    if (capabilities.empty() && !last_error_has_cause()) {
        capabilities = ask();
    }
    if (!capabilities.empty()) {
        facts.emulator_works = true;
        return;
    }
    const auto error = last_error("");
    facts.emulator_detail = error.message;
    if (error.kind != ErrorKind::unreachable && error.kind != ErrorKind::denied) {
        facts.emulator_works = false;
    }
}

// The processor of a host, as its capabilities describe it.
std::string host_cpu(virConnectPtr connection) {
    const auto xml = take(virConnectGetCapabilities(connection));
    pugi::xml_document document;
    document.load_buffer(xml.data(), xml.size());
    const auto cpu = document.child("capabilities").child("host").child("cpu");
    if (cpu == nullptr) {
        return {};
    }
    std::ostringstream out;
    cpu.print(out);
    return out.str();
}

bool passes_host_through(const std::string& cpu_xml) {
    pugi::xml_document document;
    document.load_buffer(cpu_xml.data(), cpu_xml.size());
    const std::string_view mode = document.child("cpu").attribute("mode").value();
    return mode == "host-passthrough" || mode == "maximum";
}

void check_cpu(virConnectPtr destination, virConnectPtr source, const GuestFacts& guest,
               const std::string& arch, DestinationFacts& facts) {
    int result = VIR_CPU_COMPARE_ERROR;
    std::string what = "the guest's processor";
    if (guest.cpu_xml.empty()) {
        facts.cpu_detail = "the guest has its machine type's default processor";
        facts.cpu = guest.domain_type == "qemu" ? CpuFit::superset : CpuFit::undecided;
        return;
    }
    if (passes_host_through(guest.cpu_xml)) {
        if (guest.domain_type == "qemu") {  // emulated: the emulator's own, whatever the host has
            facts.cpu = CpuFit::superset;
            facts.cpu_detail = "the guest's processor is emulated";
            return;
        }
        what = "the source's processor, which the guest sees as it is,";
        result = virConnectCompareCPU(destination, host_cpu(source).c_str(),
                                      VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
    } else {
        result = virConnectCompareHypervisorCPU(
            destination, facts.emulator.empty() ? nullptr : facts.emulator.c_str(), arch.c_str(),
            guest.machine.c_str(), guest.domain_type.c_str(), guest.cpu_xml.c_str(),
            VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
    }
    switch (result) {
        case VIR_CPU_COMPARE_IDENTICAL:
            facts.cpu = CpuFit::same;
            facts.cpu_detail = fmt::format("{} is the same there", what);
            break;
        case VIR_CPU_COMPARE_SUPERSET:
            facts.cpu = CpuFit::superset;
            facts.cpu_detail = fmt::format("{} can be had there", what);
            break;
        default:
            facts.cpu =
                result == VIR_CPU_COMPARE_INCOMPATIBLE || last_error_is(VIR_ERR_CPU_INCOMPATIBLE)
                    ? CpuFit::incompatible
                    : CpuFit::undecided;
            facts.cpu_detail = last_error("").message;
            break;
    }
}

void check_processor(virConnectPtr destination, virConnectPtr source, const GuestFacts& guest,
                     const std::string& arch, ProcessorAnswers* known, DestinationFacts& facts) {
    const auto question = fmt::format("{}\n{}\n{}\n{}\n{}", facts.emulator, guest.domain_type, arch,
                                      guest.machine, guest.cpu_xml);
    if (known != nullptr) {
        if (const auto found = known->find(question); found != known->end()) {
            const auto& answer = found->second;
            facts.emulator_works = answer.emulator_works;
            facts.emulator_detail = answer.emulator_detail;
            facts.cpu = answer.cpu;
            facts.cpu_detail = answer.cpu_detail;
            return;
        }
    }
    check_emulator(destination, guest, arch, facts);
    if (facts.emulator_works.value_or(true)) {
        check_cpu(destination, source, guest, arch, facts);
    } else {
        facts.cpu_detail = "cannot be told without the emulator";
    }
    if (known != nullptr) {
        (*known)[question] = {facts.emulator_works, facts.emulator_detail, facts.cpu,
                              facts.cpu_detail};
    }
}

void look_for_namesakes(virConnectPtr connection, const GuestFacts& guest, const std::string& name,
                        DestinationFacts& facts) {
    facts.same_uuid = state_by_uuid(connection, guest.ref.uuid);
    const DomainHandle namesake(virDomainLookupByName(connection, name.c_str()));
    if (!namesake) {
        facts.same_name =
            last_error_is(VIR_ERR_NO_DOMAIN) ? GuestState::absent : GuestState::unreachable;
        return;
    }
    std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
    virDomainGetUUIDString(namesake.get(), uuid.data());
    if (guest.ref.uuid != uuid.data()) {
        facts.same_name = state_of(namesake.get()).value_or(GuestState::unreachable);
    }
}

std::optional<bool> has_network(virConnectPtr connection, const std::string& name) {
    const NetworkHandle network(virNetworkLookupByName(connection, name.c_str()));
    if (network) {
        return virNetworkIsActive(network.get()) == 1;
    }
    return last_error_is(VIR_ERR_NO_NETWORK) ? std::optional(false) : std::nullopt;
}

// The interface of an Open vSwitch bridge may be down: the bridge does not need it.
std::optional<bool> has_interface(virConnectPtr connection, const NicFacts& nic) {
    const InterfaceHandle interface(virInterfaceLookupByName(connection, nic.source.c_str()));
    if (interface) {
        return !nic.interface_id.empty() || virInterfaceIsActive(interface.get()) == 1;
    }
    return last_error_is(VIR_ERR_NO_INTERFACE) ? std::optional(false) : std::nullopt;
}

void look_for_networks(virConnectPtr connection, const GuestFacts& guest, DestinationFacts& facts) {
    for (const auto& nic : guest.nics) {
        const auto key = fmt::format("{} {}", nic.type, nic.source);
        if (nic.source.empty() || facts.nic_sources.contains(key)) {
            continue;
        }
        facts.nic_sources[key] = nic.type == "network" ? has_network(connection, nic.source)
                                                       : has_interface(connection, nic);
    }
}

// "tcp://[fe80::1]:49152" -> "fe80::1"
std::string host_in_uri(std::string_view uri) {
    if (const auto scheme = uri.find("://"); scheme != std::string_view::npos) {
        uri.remove_prefix(scheme + 3);
    }
    uri = uri.substr(0, uri.find('/'));
    if (const auto user = uri.rfind('@'); user != std::string_view::npos) {
        uri.remove_prefix(user + 1);
    }
    if (uri.starts_with('[')) {
        return std::string(uri.substr(1, uri.find(']') - 1));
    }
    return std::string(uri.substr(0, uri.find(':')));
}

bool is_loopback(std::string_view address) {
    return address == "localhost" || address == "::1" || address.starts_with("127.");
}

// What the guest will run with there; a description that the user gives is not adapted.
std::string emulator_there(const HostAccess& access, const GuestFacts& guest,
                           const Request& request) {
    if (request.destination_xml) {
        const auto given = read_domain_xml(*request.destination_xml);
        return given ? given->emulator : "";
    }
    return request.emulator.value_or(access.emulator.empty() ? guest.emulator : access.emulator);
}

std::string stream_address(const HostAccess& access, const HostFacts& host,
                           const Request& request) {
    if (request.options.transport == Transport::tunnelled) {
        return host_in_uri(access.peer_uri.empty() ? access.uri : access.peer_uri);
    }
    if (request.migrate_uri) {
        return host_in_uri(*request.migrate_uri);
    }
    return access.migration_host.empty() ? host.hostname : access.migration_host;
}

void ask_emulator(const HostAccess& access, const GuestFacts& guest, const std::string& arch,
                  EmulatorMemory* memory, DestinationFacts& facts) {
    if (!facts.emulator_works.value_or(true)) {
        facts.qemu_detail = facts.emulator_detail;
        return;
    }
    auto answer =
        probe_emulator(access, {facts.emulator, guest.domain_type, arch, guest.machine}, memory);
    if (answer) {
        facts.qemu = std::move(*answer);
    } else {
        facts.qemu_detail = answer.error().message;
    }
}

}  // namespace

Result<DestinationFacts> survey_destination(Session& destination, const HostFacts& host,
                                            Session& source, const GuestFacts& guest,
                                            const Request& request, ProcessorAnswers* known,
                                            EmulatorMemory* memory) {
    auto* connection = destination.connection();
    const auto& access = destination.access();
    const auto arch = arch_in(guest.xml);
    DestinationFacts facts;
    facts.host = host;
    facts.emulator = emulator_there(access, guest, request);
    check_processor(connection, source.connection(), guest, arch, known, facts);
    if (needs_destination_qemu(request, guest)) {
        ask_emulator(access, guest, arch, memory, facts);
    }
    look_for_namesakes(connection, guest, request.destination_name.value_or(guest.ref.name), facts);
    facts.disks = reach_of_disks(destination, source, guest);
    look_for_networks(connection, guest, facts);
    facts.graphics_listen = access.graphics_listen;
    facts.migration_address = stream_address(access, host, request);
    facts.stream_stays_local = is_loopback(facts.migration_address);
    if (!destination.alive()) {
        return fail(last_error(fmt::format("host {} went away", vmigrate::quoted(access.name))));
    }
    return facts;
}

}  // namespace vmigrate::libvirt
