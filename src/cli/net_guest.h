// SPDX-License-Identifier: GPL-2.0-or-later
//
// The guest of `vmigrate net`, as the command line describes it for those that have no libvirt.
// Values only; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "handover/ovs_settings.h"
#include "orchestrator/facts.h"

namespace vmigrate::cli {

/// As they were typed.
struct NetGuestWords {
    std::string uuid;
    std::vector<std::string> cards;  ///< "MAC,INTERFACE-ID" or "MAC,INTERFACE-ID,VNI"
    std::optional<std::string> vni;  ///< of every card that has none of its own

    bool describes() const { return !uuid.empty() || !cards.empty(); }
};

/// A running guest with these cards. Errors (usage): what is wrong with which word.
Result<GuestFacts> described_guest(const NetGuestWords& words);

/// Networks of the guest's cards, by MAC address. Errors (usage): as above.
Result<std::map<std::string, netflow::TunnelId>> described_networks(const NetGuestWords& words,
                                                                    const GuestFacts& guest);

}  // namespace vmigrate::cli
