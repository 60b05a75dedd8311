// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the history says, as figures for a monitoring system: Prometheus' text format 0.0.4, as
// node_exporter's textfile collector takes it. Names and units follow Prometheus' conventions:
// base units (seconds, bytes), counters end in _total. Counters count what is in the history: they
// begin anew when it does. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "history/evacuations.h"
#include "history/store.h"

namespace vmigrate::cli {

struct MetricsSource {
    std::vector<history::Entry> migrations;             ///< all of them
    std::vector<history::EvacuationEntry> evacuations;  ///< those that have not ended
    WallTime now{};
    std::string_view version;
};

std::string metrics_text(const MetricsSource& source);

}  // namespace vmigrate::cli
