// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks of the configuration and of the hosts as such, without any guest: `vmigrate doctor`, and
// beside a plan the one of the history. Thread rule: any thread.
#pragma once

#include <vector>

#include "cli/config.h"
#include "orchestrator/facts.h"
#include "orchestrator/plan.h"

namespace vmigrate::cli {

/// Whether this user can write the history. Looks, writes nothing.
Check check_history(const Config& config);

/// One host of the configuration and what came back from it.
struct HostAnswer {
    libvirt::HostAccess access;
    Result<HostFacts> facts;
};

/// Everything about one host. Pure.
std::vector<Check> check_host(const HostAnswer& answer, bool alone);

/// What concerns several hosts: each a libvirt of its own, versions that fit. Pure.
std::vector<Check> check_hosts_together(const std::vector<HostAnswer>& answers,
                                        const Config& config);

/// The hosts among `facts` that have one UUID, as an error; nothing when all differ. Pure.
std::optional<Error> twins(const std::vector<const HostFacts*>& facts, const Config& config);

}  // namespace vmigrate::cli
