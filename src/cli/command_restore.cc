// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/command.h"
#include "cli/evacuate_command.h"

namespace vmigrate::cli {

int run_restore(const Words& words) {
    Arguments arguments("restore", "Bring home whom an evacuation has moved away from a host.",
                        "vmigrate restore host1 --dry-run\n"
                        "vmigrate restore host1 --max-parallel 4");
    EvacuateCommand command(history::EvacuationKind::restore, arguments);
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    return command.run(arguments);
}

}  // namespace vmigrate::cli
