// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/report.h"

namespace vmigrate::cli {

int run_version(const Words& words) {
    Arguments arguments("version", "Print the version.",
                        "vmigrate version\nvmigrate version --json");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    if (arguments.json()) {
        print_line({{"version", VMIGRATE_VERSION}});
    } else {
        fmt::print("vmigrate {}\n", VMIGRATE_VERSION);
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
