// SPDX-License-Identifier: GPL-2.0-or-later
//
// Everything that is known of one migration, in JSON. Pure; any thread.
#pragma once

#include "history/store.h"
#include "orchestrator/json.h"

namespace vmigrate::cli {

/// Its plan as it was stored; an empty object when that is none.
Json plan_of(const history::Story& story);

/// What `vmigrate show --json` prints, with or without what was sampled on the way.
Json story_json(const history::Story& story, bool samples);

}  // namespace vmigrate::cli
