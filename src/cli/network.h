// SPDX-License-Identifier: GPL-2.0-or-later
//
// The network of one migration, as the configuration has it.
#pragma once

#include <map>
#include <memory>

#include "cli/config.h"
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
};

/// `options` are those of the migration. A guest that does not run has no traffic to be turned.
/// Errors (config): hosts with different back ends, a card without an interface id, a host without
/// a switch. Borrows the registry and the session.
Result<std::unique_ptr<NetworkHandover>> make_network(const Config& config, const Options& options,
                                                      const NetworkOf& move);

}  // namespace vmigrate::cli
