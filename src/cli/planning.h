// SPDX-License-Identifier: GPL-2.0-or-later
//
// From a Request to a Plan on the real hosts: the part that `plan` and `start` share. Opens
// sessions, finds the guest, surveys, measures, chooses the destination. Reads only.
//
// Thread rule: blocks the caller; uses threads of its own, all joined on return.
#pragma once

#include <memory>

#include "cli/config.h"
#include "cli/measured.h"
#include "history/store.h"
#include "libvirt/session.h"
#include "orchestrator/plan.h"

namespace vmigrate::cli {

/// A plan with the sessions that whoever carries it out goes on with.
struct Planned {
    Plan plan;
    std::unique_ptr<libvirt::Session> source;
    std::unique_ptr<libvirt::Session> destination;
};

/// Where it is known what was `measured` lately, the guest is not measured, and hosts are only
/// where `idle_cpus` is empty. REQUIRES: an EventLoop exists. Errors: usage and not_found (names),
/// unreachable, denied, blocked (two hosts with one UUID, guest on two hosts, no host fits),
/// hypervisor.
Result<Planned> plan_migration(const Config& config, const Request& request, history::Store& store,
                               const std::optional<Measured>& measured = std::nullopt);

/// The hosts that planning has to talk to: destination and source when both are named, else all.
/// Error (usage, not_found). Pure.
Result<std::vector<libvirt::HostAccess>> hosts_to_ask(const Config& config, const Request& request);

/// Where a guest was found, one entry for each host that has it.
struct Sighting {
    std::string host;
    GuestRef guest;
    GuestState state = GuestState::absent;
};

/// Index of the source among `sightings`. `silent` are hosts that did not answer, as text.
/// Errors: not_found (nowhere), unreachable (nowhere, but not all answered), blocked (active on
/// two hosts), usage (the name fits two guests). Pure.
Result<std::size_t> pick_source(const std::string& wanted, const std::vector<Sighting>& sightings,
                                const std::vector<std::string>& silent);

}  // namespace vmigrate::cli
