// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which of a bridge's flows are the guest's, and what they are like on the bridge it moves to.
// Pure. Values only; any thread.
//
// On the destination before the guest runs there:
//   - what is for the guest is caught only where it comes by the tunnel, so that the destination's
//     own senders do not fill the tap of a guest that is not running;
//   - what the source brought to the guest from a local port now comes by the tunnel;
//   - what the guest sent to a local port of the source goes there by the tunnel, and what it sent
//     to the destination stays on the destination.
#pragma once

#include "netflow/move.h"

namespace vmigrate::netflow {

enum class FlowRole {
    unrelated,
    serving,  ///< brings packets to the guest, and to nobody else
    aimed,    ///< catches what is for the guest and does not bring it: drops it, looks it up again
    sent,     ///< catches what the guest sends
    shared,   ///< brings packets to the guest among others
    own       ///< ours and no copy: relays, redirects, guards
};

struct Classified {
    FlowRole role = FlowRole::unrelated;
    const GuestNic* nic = nullptr;  ///< of the move; for all roles but `unrelated` and `own`
};
/// `flow` is one of the source's.
Classified classify(const Flow& flow, const Move& move);

/// The card that a match is of the destination of: by its MAC address or, where the match says
/// nothing of that or speaks of a group, by another of its addresses. nullptr: none.
const GuestNic* receiver_of(const Match& match, const Move& move);
/// Adds the addresses by which these flows of the source serve the guest.
void learn_addresses(Move& move, const FlowList& flows);
/// Which flows of a bridge may have the card as their receiver.
std::vector<FlowFilter> sent_to(const GuestNic& nic);

/// What there is on the destination.
struct Surroundings {
    std::function<std::optional<Port>(Mac)> port_of;  ///< of its own guests
    std::function<bool(Port)> exists;
};
/// The port that the flow of this bridge brings what comes by the tunnel for `mac`.
std::optional<Port> local_port_of(Mac mac, const FlowList& flows, Port tunnel);

/// A flow for the destination, or why there is none: then its controller has to answer.
struct Copied {
    std::optional<Flow> flow;
    std::string left_out;  ///< empty where none is wanted
};
/// Its cookie is of the kind synced; it never times out by itself.
Copied copy_for_destination(const Flow& flow, const Move& move, const Surroundings& there);
/// A left-over of a port that is there no more: it sends there and nowhere else, or catches what
/// comes from there.
bool is_stale(const Flow& flow, const Surroundings& there, Port tunnel);

/// What the guest sends to a neighbour on the source comes by the tunnel when it has moved: the
/// flow for the source that brings it there. Nothing where the guest's flow sends to no such
/// neighbour.
std::optional<Flow> way_back(const Flow& sent, const Move& move);

/// The network of a card, as the flows of its own bridge tell it: `tunnel` and `port` are of that
/// bridge. Nothing: they do not, or not with one voice.
std::optional<TunnelId> vni_at_home(Mac mac, const FlowList& flows, Port tunnel, Port port);
/// As the flows of a bridge tell it that sends to the card.
std::optional<TunnelId> vni_from_afar(Mac mac, const FlowList& flows);

}  // namespace vmigrate::netflow
