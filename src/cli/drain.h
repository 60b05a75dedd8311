// SPDX-License-Identifier: GPL-2.0-or-later
//
// The drain of a migration after `start` has ended: in a process of its own, which holds the lease
// of the drain, not of the guest. Thread rule: the one of the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/config.h"
#include "history/store.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

/// Starts `vmigrate net drain ID` in the background, and returns when it has taken the drain over:
/// true. False: that did not work, or there is none; then it is this process's own.
bool drain_in_background(const Config& config, history::Store& store, std::int64_t id);

/// `vmigrate net drain`; `which` is an id or a guest. Blocks until the end. Returns the exit code.
int drain_network(const Config& config, const std::string& which, bool json);

/// Starts those again whose process is gone, or only that of one migration; those without a verdict
/// are to be recovered first. Returns how many. Error (storage).
Result<int> resume_drains(const Config& config, history::Store& store,
                          std::optional<std::int64_t> only, bool json);

/// The guest has moved, and its network is being drained, or that broke off.
bool is_draining(const history::Entry& entry);

/// As it is in `history --json`; null where nothing was left to be drained.
Json drain_json(const history::Entry& entry);
/// "drained, 12 packet(s) relayed, the last after 1.2 s"; empty where nothing was left.
std::string drain_text(const history::Entry& entry);

}  // namespace vmigrate::cli
