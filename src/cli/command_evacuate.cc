// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/command.h"
#include "cli/evacuate_command.h"

namespace vmigrate::cli {

int run_evacuate(const Words& words) {
    Arguments arguments("evacuate", "Move all guests away from a host.",
                        "vmigrate evacuate host1 --dry-run\n"
                        "vmigrate evacuate host1 --max-parallel 4 --bandwidth 500 --deadline 2h\n"
                        "vmigrate evacuate host1 --to host2,host3 --detach\n"
                        "vmigrate evacuate host1 --status");
    EvacuateCommand command(history::EvacuationKind::evacuate, arguments);
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    return command.run(arguments);
}

}  // namespace vmigrate::cli
