// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where a list of actions sends packets, and how to send them elsewhere: the output to a port, or
// to a tunnel with its tun_dst, becomes another list. Values only; any thread.
#pragma once

#include "netflow/actions.h"

namespace vmigrate::netflow {

/// A port that is neither reserved nor `tunnel`.
bool is_local(Port port, Port tunnel);

/// All ports and tunnel ends that the instructions name.
struct Outputs {
    std::vector<Port> ports;
    std::vector<Ipv4> tunnel_ends;  ///< tun_dst
    std::vector<TunnelId> tunnel_ids;
    /// Packets may also go where it does not show: groups, ports in registers, learnt flows.
    bool hidden = false;
    /// Some of them are inside of clone(...), ct(...) or the action set.
    bool nested = false;
};
Outputs outputs_of(const Instructions& instructions);

/// What an output becomes; nothing: it stays.
struct Detour {
    Port tunnel{64200};
    std::function<std::optional<Actions>(Port)> local;
    std::function<std::optional<Actions>(Ipv4 tunnel_end)> tunnelled;
};
/// The other actions and instructions stay byte for byte; what is set for a tunnel and not needed
/// any more is left out. REQUIRES: neither hidden nor nested, see Outputs.
Instructions detoured(const Instructions& instructions, const Detour& detour);

}  // namespace vmigrate::netflow
