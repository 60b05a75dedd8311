// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/relevant.h"

#include <algorithm>

#include "netflow/guest_flows.h"

namespace vmigrate::netflow {

bool matters_at_source(const Flow& flow, const Move& move) {
    return OwnCookie::decode(flow.cookie) || classify(flow, move).role != FlowRole::unrelated;
}

bool matters_at_destination(const Flow& flow, const Move& move) {
    if (OwnCookie::decode(flow.cookie)) {
        return true;
    }
    // a copy matches either of these ports
    const auto in_port = flow.match.get(field::in_port);
    return in_port == move.destination.tunnel || receiver_of(flow.match, move) != nullptr ||
           (in_port && std::ranges::any_of(move.nics, [&](const GuestNic& nic) {
                return nic.at_destination == *in_port;
            }));
}

}  // namespace vmigrate::netflow
