// SPDX-License-Identifier: GPL-2.0-or-later
//
// Flows that send what still arrives at the source on to the destination: as redirect while the
// guest is about to leave, as relay afterwards. They are of the same keys, so that one becomes the
// other without a gap. Pure. Values only; any thread.
//
// Their matches leave two bits open that no packet of the guest has set, the highest of tun_id and
// the group bit of dl_dst. A flow collector's delete by tun_id, by dl_dst or by both therefore does
// not cover them.
#pragma once

#include "netflow/move.h"

namespace vmigrate::netflow {

struct RelayTimes {
    seconds idle{180};  ///< a relay goes when nothing came for this long
    seconds hard{60};   ///< a redirect goes by itself: nobody may be there to take it back
    seconds mirror{1};  ///< a mirror does: it fills the tap of a guest that does not run
};

/// The match with those bits open, where it has tun_id or dl_dst.
Match loosened(Match match);

/// One of the source's flows that catches what is for the guest before a relay would.
std::optional<Flow> not_below_relays(const FlowList& flows, const Move& move);

/// What is sent on, as redirects, and what is not.
struct Redirects {
    FlowList flows;
    std::vector<std::string> uncovered;  ///< which senders, and why; each one line
};
/// `flows` are the source's. What comes by the tunnel is redirected in any case, senders on the
/// source itself by the flow that serves them; they need the VNI.
Redirects redirects_for(const FlowList& flows, const Move& move, RelayTimes times);

/// What serves the guest made to send to the destination as well, on the source's own senders'
/// flows and on those of the tunnel. What no flow serves is not mirrored.
Redirects mirrors_for(const FlowList& flows, const Move& move, RelayTimes times);

/// The redirect made to stay.
Flow as_relay(Flow redirect, const Move& move, RelayTimes times);

/// Does what `relay` does and tells `controller` of each packet, for some seconds at most. Nothing
/// where a relay does more than to apply actions.
std::optional<Flow> watched(const Flow& relay, const Move& move, std::uint16_t controller);

/// `flow` is a relay or redirect of whatever migration for one of the guest's addresses.
bool relays_guest(const Flow& flow, const Move& move);

/// Drops on the source what the destination relays back: only where both relay, or they loop.
Flow loop_guard(const Move& move, const GuestNic& nic);

/// The same flow, which sends by the tunnel to the source, or to where the guest was before, made
/// to send to the destination; nothing where it does not, or not for the guest. The cookie stays.
std::optional<Flow> replaced_at_peer(const Flow& flow, const Move& move);
/// Of the destination: what is sent there for the guest goes to its port.
std::optional<Flow> replaced_at_destination(const Flow& flow, const Move& move);
/// Of the source: what a local sender's flow brought to the guest, or sent to where it was before,
/// goes by the tunnel.
std::optional<Flow> replaced_at_source(const Flow& flow, const Move& move);

}  // namespace vmigrate::netflow
