// SPDX-License-Identifier: GPL-2.0-or-later
//
// Changing a migration that runs: which keys of its policy may change, and what a request for it
// is. `vmigrate tune` leaves a request in the journal, the runner takes it at its next look, and
// the answer goes back the same way. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "orchestrator/options.h"

namespace vmigrate {

/// One "KEY=VALUE".
struct Setting {
    std::string key;
    std::string value;
};

struct TuneRequest {
    std::int64_t sequence = 0;  ///< of the requests to one migration
    std::vector<Setting> settings;
};

enum class TuneFate {
    applied,
    refused,  ///< nothing was changed: a contradiction, or too late
    failed,   ///< QEMU did not take all of it
};
std::string_view name_of(TuneFate fate);
std::optional<TuneFate> tune_fate_named(std::string_view name);

struct TuneAnswer {
    TuneFate fate = TuneFate::applied;
    std::string reason;  ///< why not; empty when applied
};

/// The keys that can be changed while a migration runs, in the order of the manual.
std::span<const std::string_view> tunable_keys();

/// "KEY=VALUE" of a key that can be changed, with a value of its form. Error (usage): no "=",
/// unknown key, a key that cannot be changed (the message lists those that can), wrong value.
Result<Setting> parse_setting(const std::string& text);

/// `now` with `settings`. Errors (usage): as above; a contradiction; auto-converge turned on, which
/// QEMU does not allow meanwhile.
Result<Options> tuned(const Options& now, const std::vector<Setting>& settings);

/// "timeout=10m bandwidth=50MiB/s", as they were asked for.
std::string text_of(const std::vector<Setting>& settings);

}  // namespace vmigrate
