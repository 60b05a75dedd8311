// SPDX-License-Identifier: GPL-2.0-or-later
//
// A packet that a match catches: to be shown to a controller that makes flows by what it is shown.
// Pure. Values only; any thread.
#pragma once

#include "netflow/message.h"

namespace vmigrate::netflow {

/// The smallest valid frame with the addresses, the tag, the protocol and the ports that the match
/// has; what it leaves open, or only in part says, is zero. ARP, IPv4 and IPv6 with TCP or UDP are
/// known, of other types there is the Ethernet header.
Octets sample_packet(const Match& match);

/// Hands that packet to the bridge's controller, as one that came from the match's in_port with its
/// tun_id, tun_src and metadata. The flow tables are not asked.
PacketOut shown_to_controller(const Match& match);

}  // namespace vmigrate::netflow
