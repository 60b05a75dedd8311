// SPDX-License-Identifier: GPL-2.0-or-later
//
// What flows know of a guest's move from one bridge to another. Values only; any thread.
#pragma once

#include <unordered_map>
#include <vector>

#include "netflow/flow.h"

namespace vmigrate::netflow {

/// A bridge and its end of the tunnels.
struct BridgeEnd {
    std::string name;  ///< of the host, for messages
    Ipv4 address;      ///< what the others put into tun_dst
    Port tunnel{64200};
    friend bool operator==(const BridgeEnd&, const BridgeEnd&) = default;
};

/// A network card of the guest with its port on both bridges.
struct GuestNic {
    Mac mac;
    std::optional<TunnelId> vni;  ///< of its network; nothing while nobody told
    Port at_source = Port::any;
    Port at_destination = Port::any;
    /// IPv4 (4 octets) and IPv6 (16) by which flows know it without its MAC address.
    std::vector<Octets> addresses = {};
    friend bool operator==(const GuestNic&, const GuestNic&) = default;
};

/// Above every flow that serves a guest; what watches a relay is one above, guards are two.
inline constexpr std::uint16_t default_relay_priority = 60200;
inline constexpr std::uint16_t highest_relay_priority = 65533;

struct Move {
    BridgeEnd source;
    BridgeEnd destination;
    std::vector<GuestNic> nics;
    std::uint32_t migration = 0;  ///< in the cookies; at most OwnCookie::max_migration
    std::uint16_t version = 0;    ///< of the guest's location
    std::uint16_t relay_priority = default_relay_priority;
    /// Ends of tunnels where it was before the source: senders that were not told send there.
    std::vector<Ipv4> former = {};
};

using FlowList = std::vector<Flow>;
using FlowTable = std::unordered_map<FlowKey, Flow, FlowKeyHash>;

/// REQUIRES: move.migration <= OwnCookie::max_migration.
Cookie cookie_of(const Move& move, FlowKind kind);
/// The card with this address; nullptr: none.
const GuestNic* nic_with(const Move& move, Mac mac);

}  // namespace vmigrate::netflow
