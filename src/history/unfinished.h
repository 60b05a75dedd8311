// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the story of a migration whose process died to what `recover` has to know of it: what was
// planned, which steps were intended, which were done. Pure; any thread.
#pragma once

#include "history/store.h"
#include "orchestrator/recover.h"

namespace vmigrate::history {

/// A plan that is damaged or of an older vmigrate counts as one with the defaults.
/// Error: a step whose detail cannot be read; what it left behind is not known then.
Result<Unfinished> unfinished_from(const Story& story);

}  // namespace vmigrate::history
