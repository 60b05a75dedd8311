// SPDX-License-Identifier: GPL-2.0-or-later
//
// The network of one migration, as the configuration has it.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "cli/config.h"
#include "history/store.h"
#include "libvirt/session.h"
#include "orchestrator/facts.h"
#include "orchestrator/handover.h"
#include "orchestrator/location.h"

namespace vmigrate::cli {

/// One move; borrows everything.
struct NetworkOf {
    const GuestFacts& guest;
    const std::string& source;  ///< key in vmigrate.toml
    const std::string& destination;
    LocationRegistry& registry;
    libvirt::Session* session;  ///< to the destination; nullptr: there is none
    /// Networks of cards, where they are not to be learnt from flows.
    std::map<std::string, netflow::TunnelId> vnis = {};  ///< by MAC address
    /// See handover::Ovs.
    std::function<bool()> drain_elsewhere{};
};

/// `options` are those of the migration. A guest that does not run has no traffic to be turned.
/// Errors (config): hosts with different back ends, a card without an interface id, a host without
/// a switch. Borrows the registry and the session.
Result<std::unique_ptr<NetworkHandover>> make_network(const Config& config, const Options& options,
                                                      const NetworkOf& move);

/// To drain what `entry` has left, as the history has it; only drain() is to be called. Errors:
/// storage (it cannot be read), config. Borrows the registry.
Result<std::unique_ptr<NetworkHandover>> make_drain(const Config& config,
                                                    const history::Entry& entry,
                                                    const std::string& remains,
                                                    LocationRegistry& registry);

}  // namespace vmigrate::cli
