// SPDX-License-Identifier: GPL-2.0-or-later
#include <clocale>
#include <exception>

#include "cli/command.h"
#include "cli/exit_code.h"

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "C.UTF-8");
    try {
        return vmigrate::cli::run_command_line({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        vmigrate::cli::print_error(std::string("internal error: ") + error.what());
        return vmigrate::cli::kExitUnknown;
    }
}
