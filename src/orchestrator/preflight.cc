// SPDX-License-Identifier: GPL-2.0-or-later
//
// The checks of `vmigrate plan`. Each looks at one fact and says how to make it pass.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "orchestrator/plan.h"
#include "orchestrator/qemu_choice.h"
#include "orchestrator/storage_plan.h"

namespace vmigrate {
namespace {

using Kind = Check::Verdict;

Check passed(std::string name, std::string finding) {
    return {std::move(name), Kind::passed, std::move(finding), {}};
}
Check failed(std::string name, std::string finding, std::string fix) {
    return {std::move(name), Kind::failed, std::move(finding), std::move(fix)};
}
Check undecided(std::string name, std::string finding, std::string fix) {
    return {std::move(name), Kind::undecided, std::move(finding), std::move(fix)};
}

std::string version_text(std::uint64_t version) {
    return fmt::format("{}.{}.{}", version / 1'000'000, version / 1000 % 1000, version % 1000);
}

bool has_process(const GuestFacts& guest) {
    return guest.state == GuestState::running || guest.state == GuestState::paused;
}

Check check_state(const Request& request, const GuestFacts& guest) {
    const auto* name = "guest-state";
    const auto finding = fmt::format("{} is {}", quoted(guest.ref.name), name_of(guest.state));
    if (has_process(guest)) {
        return request.offline
                   ? failed(name, finding, "leave out --offline, or shut the guest off first")
                   : passed(name, finding);
    }
    if (guest.state != GuestState::shut_off) {
        return failed(name, finding, "wait until the guest runs or is shut off");
    }
    return request.offline
               ? passed(name, finding)
               : failed(name, finding, "start the guest, or add --offline to move its definition");
}

Check check_idle(const GuestFacts& guest) {
    return guest.job_active
               ? failed("guest-idle", fmt::format("libvirt runs a job on it: {}", guest.job),
                        "wait for the job's end (virsh domjobinfo), or see 'vmigrate status'")
               : passed("guest-idle", "no other job runs on it");
}

Check check_other_host(const HostFacts& source, const HostFacts& destination) {
    const auto* name = "other-host";
    if (source.uuid.empty() || destination.uuid.empty()) {
        return undecided(name,
                         fmt::format("{} -> {}, but a host does not tell its UUID", source.name,
                                     destination.name),
                         "give it one: host_uuid in libvirtd.conf");
    }
    if (source.uuid == destination.uuid) {
        return failed(name,
                      fmt::format("{} and {} are one libvirt (host UUID {})", source.name,
                                  destination.name, source.uuid),
                      "choose another destination; if these are two machines, give each its own "
                      "host_uuid in libvirtd.conf");
    }
    return passed(name, fmt::format("{} -> {}", source.name, destination.name));
}

Check check_hypervisor(const HostFacts& source, const HostFacts& destination) {
    const auto finding = fmt::format("{} {} -> {} {}", source.hypervisor, source.arch,
                                     destination.hypervisor, destination.arch);
    return source.hypervisor == destination.hypervisor && source.arch == destination.arch
               ? passed("hypervisor-type", finding)
               : failed("hypervisor-type", finding,
                        "choose a destination of the same hypervisor and architecture");
}

Check check_version(const Request& request, const HostFacts& source, const HostFacts& destination) {
    const auto* name = "version";
    const auto finding =
        fmt::format("QEMU {} -> {}, libvirt {} -> {}", version_text(source.qemu_version),
                    version_text(destination.qemu_version), version_text(source.libvirt_version),
                    version_text(destination.libvirt_version));
    if (request.emulator) {
        return passed(name, finding + "; the emulator is given by the request");
    }
    return destination.qemu_version >= source.qemu_version &&
                   destination.libvirt_version >= source.libvirt_version
               ? passed(name, finding)
               : failed(name, finding, "upgrade the destination, or choose a newer one");
}

Check check_emulator(const DestinationFacts& destination, const GuestFacts& guest) {
    const auto* name = "emulator";
    const auto what = fmt::format("{} for machine type {}", destination.emulator, guest.machine);
    if (!destination.emulator_works) {
        return undecided(name, fmt::format("{}: {}", what, destination.emulator_detail),
                         "start any guest with it there to be sure");
    }
    return *destination.emulator_works
               ? passed(name, what)
               : failed(name, fmt::format("{}: {}", what, destination.emulator_detail),
                        "install it on the destination, or name another by --emulator PATH or "
                        "'emulator' of the host in vmigrate.toml");
}

Check check_cpu(const DestinationFacts& destination) {
    switch (destination.cpu) {
        case CpuFit::same:
        case CpuFit::superset:
            return passed("cpu", destination.cpu_detail);
        case CpuFit::incompatible:
            return failed("cpu", destination.cpu_detail,
                          "choose a destination with these features, or restart the guest with a "
                          "CPU model that all hosts have");
        case CpuFit::undecided:
            break;
    }
    return undecided("cpu", destination.cpu_detail,
                     "give the guest a named CPU model that all hosts have");
}

Check check_memory(const GuestFacts& guest, const HostFacts& destination) {
    const auto finding =
        fmt::format("needs {}, {} has {} free of {}", format_bytes(guest.memory), destination.name,
                    format_bytes(destination.memory_free), format_bytes(destination.memory_total));
    if (!has_process(guest)) {
        return {"destination-memory", Kind::not_applicable, "the guest is shut off", {}};
    }
    return guest.memory <= destination.memory_free
               ? passed("destination-memory", finding)
               : failed("destination-memory", finding,
                        "free memory there, choose another destination, or lower the guest's "
                        "balloon (virsh setmem)");
}

Check check_name(const GuestFacts& guest, const DestinationFacts& destination) {
    const auto* name = "name-free";
    const auto& where = destination.host.name;
    if (destination.same_uuid == GuestState::running ||
        destination.same_uuid == GuestState::paused ||
        destination.same_uuid == GuestState::incoming) {
        return failed(name,
                      fmt::format("a guest with this UUID is {} on {}",
                                  name_of(destination.same_uuid), where),
                      fmt::format("look at both before anything else; never start both (virsh list "
                                  "--all on {})",
                                  where));
    }
    if (destination.same_name != GuestState::absent) {
        return failed(
            name, fmt::format("another guest called {} is on {}", quoted(guest.ref.name), where),
            "give the guest another name there with --dname NAME");
    }
    return passed(name, destination.same_uuid == GuestState::shut_off
                            ? fmt::format("already defined on {}, shut off", where)
                            : fmt::format("no such guest on {}", where));
}

Check check_devices(const GuestFacts& guest) {
    return guest.host_devices.empty() ? passed("devices", "no passed-through devices")
                                      : failed("devices",
                                               fmt::format("passed-through devices: {}",
                                                           fmt::join(guest.host_devices, ", ")),
                                               "detach them first (virsh detach-device)");
}

Check check_graphics(const Request& request, const GuestFacts& guest,
                     const DestinationFacts& destination) {
    const auto* name = "graphics";
    if (guest.graphics_listen.empty()) {
        return passed(name, "no display that listens on one host's own address");
    }
    const auto now = fmt::format("{}", fmt::join(guest.graphics_listen, ", "));
    if (request.destination_xml) {
        return passed(name, "the description given with --xml decides");
    }
    if (!destination.graphics_listen.empty()) {
        return passed(name,
                      fmt::format("display moves from {} to {}", now, destination.graphics_listen));
    }
    return failed(name,
                  fmt::format("its display listens on {}, an address of this host alone", now),
                  fmt::format("set graphics-listen of {} in vmigrate.toml to an address there or "
                              "to 0.0.0.0",
                              destination.host.name));
}

Check check_network(const DestinationFacts& destination) {
    std::vector<std::string> missing;
    std::vector<std::string> unknown;
    for (const auto& [source, exists] : destination.nic_sources) {
        if (!exists) {
            unknown.push_back(source);
        } else if (!*exists) {
            missing.push_back(source);
        }
    }
    const auto& where = destination.host.name;
    if (!missing.empty()) {
        return failed("network", fmt::format("not on {}: {}", where, fmt::join(missing, ", ")),
                      "make them there, or change the guest's interfaces with --xml FILE");
    }
    if (!unknown.empty()) {
        return undecided("network",
                         fmt::format("cannot be seen from here: {}", fmt::join(unknown, ", ")),
                         fmt::format("make sure that they exist on {} (ip link)", where));
    }
    return passed("network", destination.nic_sources.empty()
                                 ? "the guest has no interfaces"
                                 : fmt::format("all of the guest's networks are on {}", where));
}

Check check_clear_text(const Request& request, const GuestFacts& guest,
                       const DestinationFacts& destination, ClearText clear_text) {
    const auto* name = "encryption";
    const auto& options = request.options;
    if (!has_process(guest)) {
        return {name, Kind::not_applicable, "no memory is sent", {}};
    }
    if (options.tls) {
        return passed(name, "the stream is encrypted with TLS");
    }
    if (destination.stream_stays_local) {
        return passed(name, "the stream stays on the loopback");
    }
    const auto where = destination.migration_address.empty() ? destination.host.name
                                                             : destination.migration_address;
    const bool encrypted_rpc = options.transport == Transport::tunnelled &&
                               (destination.host.uri.find("+tls") != std::string::npos ||
                                destination.host.uri.find("+ssh") != std::string::npos ||
                                destination.host.uri.find("+libssh") != std::string::npos);
    if (encrypted_rpc) {
        return passed(name, "the stream goes through libvirt's encrypted connection");
    }
    if (clear_text == ClearText::allow) {
        return passed(name,
                      fmt::format("clear text to {}, allowed by clear-text = \"allow\"", where));
    }
    return failed(name, fmt::format("the guest's memory would go to {} in clear text", where),
                  "use --tls, or set clear-text = \"allow\" under [transport] in vmigrate.toml if "
                  "that network is trusted");
}

/// What cannot be compared is refused here, not found out when the guest stands still.
Check check_comparison(const Request& request, const GuestFacts& guest,
                       const DestinationFacts& destination, const StoragePlan& storage) {
    const auto* name = "disk-comparison";
    const auto& options = request.options;
    if (storage.volumes.empty()) {
        return {name, Kind::not_applicable, "no disk is copied: there is nothing to compare", {}};
    }
    for (const auto& volume : storage.volumes) {
        if (volume.format != "raw") {
            return failed(name,
                          fmt::format("disk {} cannot be compared: its format is {}, not raw",
                                      volume.target, volume.format),
                          "leave out verify-disks");
        }
        const auto reach =
            std::ranges::find(destination.disks, volume.target, &DiskReachFacts::target);
        if (reach == destination.disks.end() || !reach->source_in_pool) {
            return failed(name,
                          fmt::format("disk {} cannot be compared: no active storage pool of the "
                                      "source has the folder of {}",
                                      volume.target, volume.source_path),
                          "define a pool over that folder there (virsh pool-define-as)");
        }
    }
    const auto time = comparison_time(storage.volumes, guest);
    const auto finding =
        fmt::format("{} disk(s) are compared before the guest runs on {}: about {}",
                    storage.volumes.size(), destination.host.name, format_time(time));
    if (guest.state == GuestState::running && time > options.blackout_ceiling &&
        options.ceiling_action != CeilingAction::exceed) {
        return failed(name,
                      fmt::format("{}, in which it stands still; blackout-ceiling is {}", finding,
                                  format_time(options.blackout_ceiling)),
                      "raise blackout-ceiling, set ceiling-action to exceed, or leave out "
                      "verify-disks");
    }
    return passed(name, finding);
}

Check check_offline(const Request& request, const GuestFacts& guest) {
    const auto* name = "definition";
    if (!request.offline) {
        return passed(name, guest.persistent ? "persistent" : "transient");
    }
    return guest.persistent && request.options.persist_destination
               ? passed(name, "only the definition moves")
               : failed(name, "an offline move needs a persistent definition on the destination",
                        "set persist-destination to yes");
}

}  // namespace

bool Plan::blocked() const {
    for (const auto& check : checks) {
        if (check.verdict == Kind::failed) {
            return true;
        }
    }
    return false;
}

std::vector<Check> preflight(const Request& request, const GuestFacts& guest,
                             const HostFacts& source, const DestinationFacts& destination,
                             ClearText clear_text) {
    std::vector<Check> checks = {check_state(request, guest),
                                 check_idle(guest),
                                 check_offline(request, guest),
                                 check_other_host(source, destination.host),
                                 check_hypervisor(source, destination.host),
                                 check_version(request, source, destination.host),
                                 check_emulator(destination, guest),
                                 check_cpu(destination),
                                 check_memory(guest, destination.host),
                                 check_name(guest, destination),
                                 check_devices(guest)};
    auto storage = plan_storage(request, guest, destination);
    if (request.options.verify_disks) {
        storage.checks.push_back(check_comparison(request, guest, destination, storage));
    }
    for (auto& check : storage.checks) {
        checks.push_back(std::move(check));
    }
    checks.push_back(check_qemu(choose_qemu(request, guest, destination)));
    checks.push_back(check_graphics(request, guest, destination));
    checks.push_back(check_network(destination));
    checks.push_back(check_clear_text(request, guest, destination, clear_text));
    return checks;
}

}  // namespace vmigrate
