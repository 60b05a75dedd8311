// SPDX-License-Identifier: GPL-2.0-or-later
//
// What `evacuate` and `restore` share: from what was asked for to the table at the end. Each
// prints, and returns the exit code. Thread rule: main thread.
#pragma once

#include <functional>

#include "cli/evacuation_options.h"

namespace vmigrate::cli {

/// Says who would go where and when; touches nothing, writes nothing.
int plan_evacuation(const Config& config, EvacuationOptions options, bool json);

/// Carries it out. `detached` is called once with its id, when it has begun, and only errors from
/// before are shown; null: all is shown.
int run_evacuation(const Config& config, EvacuationOptions options, bool json,
                   const std::function<void(std::int64_t)>& detached);

/// Goes on with the one of this host whose process is dead.
int resume_evacuation(const Config& config, history::EvacuationKind kind, const std::string& host,
                      bool json);

/// No other guest moves. One whose process is dead is brought to its end here.
int cancel_evacuation(const Config& config, history::EvacuationKind kind, const std::string& host,
                      bool json);

/// Says which evacuations and restorations stand still because their processes are dead, and how to
/// go on with them; touches nothing. Error (storage).
Result<void> name_broken_evacuations(history::Store& store, bool json);

/// The newest of this host, as it stands.
int show_evacuation(const Config& config, history::EvacuationKind kind, const std::string& host,
                    bool json);

}  // namespace vmigrate::cli
