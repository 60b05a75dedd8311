// SPDX-License-Identifier: GPL-2.0-or-later
//
// What of ours is on the switches, whoever put it there, read back from the switches themselves.
// Thread rule: any thread; uses threads of its own, all joined on return.
#pragma once

#include "handover/ovs_settings.h"

namespace vmigrate::handover {

/// Our flows on one switch, or why they are not known.
struct OvsFindings {
    std::string host;
    Result<std::vector<netflow::FlowStats>> flows;
};
std::vector<OvsFindings> survey_own_flows(const std::vector<OvsHost>& hosts, milliseconds timeout);

/// Removes them, of one migration or of all. Error: of the first switch that did not do it; the
/// others have.
Result<void> remove_own_flows(const std::vector<OvsHost>& hosts,
                              std::optional<std::uint32_t> migration, milliseconds timeout);

/// Where a relay sends to; nothing for other flows.
std::optional<netflow::Ipv4> relayed_to(const netflow::Flow& flow);

}  // namespace vmigrate::handover
