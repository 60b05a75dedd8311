// SPDX-License-Identifier: GPL-2.0-or-later
//
// How much relays carry, from one look at them to the next. Thread rule: one thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "handover/ovs_survey.h"

namespace vmigrate::cli {

class RelayRates {
  public:
    /// Packets per second since the last look at this flow of the host; nothing at the first one.
    std::optional<double> looked_at(const std::string& host, const netflow::FlowStats& stats,
                                    TimePoint now);

  private:
    struct Look {
        std::uint64_t packets = 0;
        TimePoint at{};
    };
    std::map<std::string, Look> looks_;  ///< by host and match
};

}  // namespace vmigrate::cli
