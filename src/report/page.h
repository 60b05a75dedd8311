// SPDX-License-Identifier: GPL-2.0-or-later
//
// A report as one HTML file that needs nothing else: styles, script, the library that draws the
// charts and the data are in it, and its content security policy lets it fetch nothing. Pure; any
// thread.
#pragma once

#include <string>

#include "base/result.h"
#include "orchestrator/json.h"

namespace vmigrate::report {

/// `data` has "kind": "migration", with what `vmigrate show --json --samples` prints under
/// "migration"; or "fleet", with what `vmigrate history --json` prints under "migrations", and for
/// one of an evacuation "evacuation": when it began and ended, and under "guests" what `vmigrate
/// evacuate --status --json` prints.
/// Error (usage): the program was built without the library.
Result<std::string> page(const std::string& title, const Json& data);

/// The JSON as it may stand in a <script> element: nothing in it ends the element.
std::string script_json(const Json& data);

}  // namespace vmigrate::report
