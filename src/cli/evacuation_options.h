// SPDX-License-Identifier: GPL-2.0-or-later
//
// What was asked of `vmigrate evacuate` or `vmigrate restore`, as it is kept in the history for
// whoever goes on with it. Values only; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/config.h"
#include "fleet/evacuation.h"
#include "history/evacuations.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

struct EvacuationOptions {
    history::EvacuationKind kind = history::EvacuationKind::evacuate;
    std::string host;
    std::vector<std::string> to;                              ///< empty: any host
    std::vector<std::pair<std::string, std::string>> labels;  ///< that a destination has
    std::map<std::string, std::string> homes;                 ///< restore: UUID -> host
    std::string policy = "default";
    unsigned max_parallel = 2;
    BytesPerSecond bandwidth{};
    std::optional<milliseconds> deadline;
    fleet::Order order = fleet::Order::small_first;
    unsigned attempts = 4;
    milliseconds first_pause{5'000};
    bool stop_unmovable = false;
    milliseconds shutdown{120'000};
    friend bool operator==(const EvacuationOptions&, const EvacuationOptions&) = default;
};

/// With what the configuration says where nobody says otherwise.
EvacuationOptions default_options(const Config& config);

fleet::Rules rules_of(const EvacuationOptions& options);

Json to_json(const EvacuationOptions& options);
/// Error (storage): it is damaged.
Result<EvacuationOptions> evacuation_options_from_json(const std::string& text);

/// "KEY=VALUE". Error (usage).
Result<std::pair<std::string, std::string>> parse_label(const std::string& text);

}  // namespace vmigrate::cli
