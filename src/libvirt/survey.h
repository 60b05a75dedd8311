// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds out the facts that planning needs. No guest, volume or setting is touched; only
// survey_destination may start a guest of its own for a moment (probe.h).
// Thread rule and errors: as Session.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libvirt/session.h"
#include "orchestrator/emulator_memory.h"
#include "orchestrator/facts.h"
#include "orchestrator/plan.h"

namespace vmigrate::libvirt {

Result<HostFacts> survey_host(Session& session);

/// A guest by name or UUID; nothing when this host has no such guest. Error (unreachable): its QEMU
/// does not answer within 20 s.
Result<std::optional<GuestFacts>> find_guest(Session& session, const std::string& name_or_uuid);

/// Only what libvirt knows without asking QEMU, so of one that hangs, too. `state` is running for
/// every guest that has a process.
Result<std::optional<GuestFacts>> describe_guest(Session& session, const std::string& uuid);

/// Every guest of a host, running or not (facts without measuring anything).
Result<std::vector<GuestRef>> list_guests(Session& session);

/// What a destination has said of an emulator, and of a processor with it.
struct ProcessorAnswer {
    std::optional<bool> emulator_works;
    std::string emulator_detail;
    CpuFit cpu = CpuFit::undecided;
    std::string cpu_detail;
};
/// By what was asked, for guests of one source that are alike.
using ProcessorAnswers = std::map<std::string, ProcessorAnswer>;

/// The host looked at as destination of one guest. Storage pools there may be made to read their
/// folders again. The emulator there is asked what it can do when the request depends on it. What
/// is in `known` is not asked again; one for each pair of source and destination. `memory`: of what
/// emulators can do. Either may be null.
Result<DestinationFacts> survey_destination(Session& destination, const HostFacts& host,
                                            Session& source, const GuestFacts& guest,
                                            const Request& request,
                                            ProcessorAnswers* known = nullptr,
                                            EmulatorMemory* memory = nullptr);

/// Dirty rate (libvirt's page sampling over `window`, at least 1 s) and, beside it, content of
/// sampled pieces of memory, which are read again towards the end of the window to see where the
/// guest writes. A part that cannot be had is left out, never an error by itself. Of a guest that
/// does not run, and with `window` zero: nothing but page content.
Result<MemoryFacts> measure_memory(Session& session, const GuestFacts& guest, milliseconds window);

/// What a host's processors did since it was started, all of them together.
struct CpuTimes {
    std::chrono::nanoseconds idle{};
    std::chrono::nanoseconds all{};
};
/// Nothing when libvirt does not tell.
std::optional<CpuTimes> cpu_times(Session& session);
/// So long it takes to tell how busy processors are.
constexpr milliseconds kProcessorWindow{250};
/// How many of `cpus` were idle on average; nothing when too little time is between.
std::optional<double> idle_between(const CpuTimes& before, const CpuTimes& after, unsigned cpus);

/// Sets `recent` of the guest's disks: what was written since they were looked at first.
void look_at_writes_again(Session& session, GuestFacts& guest);

/// What the running QEMU of a guest can do.
Result<QemuFeatures> query_features(Session& session, const GuestRef& guest);

}  // namespace vmigrate::libvirt
