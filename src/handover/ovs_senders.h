// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who still sends to a guest's old host. The source's switch tells it of the packets that its
// relays catch: the tunnel that a packet came by names its sender, also one that no configuration
// knows. Thread rule: any.
#pragma once

#include <set>

#include "handover/ovs_settings.h"

namespace vmigrate::handover {

struct RelaySenders {
    std::set<netflow::Ipv4> by_tunnel;  ///< the sender's end of it
    bool local = false;                 ///< some port of the source's switch itself
};

/// Looks for a second, or until so many packets came that a switch should not tell of more: who
/// sends little beside others may be missed. The packets are relayed as before. Error: the switch
/// does not answer, or refuses.
Result<RelaySenders> relay_senders(const OvsHost& source, const netflow::FlowList& relays,
                                   const netflow::Move& move, milliseconds timeout);

}  // namespace vmigrate::handover
