// SPDX-License-Identifier: GPL-2.0-or-later
// What process 1 does before the workload: file systems, console, modules, kernel command line.
#pragma once

#include <string>

namespace vmigrate::lab {

// Mounts /proc, /sys and /dev and makes the console standard input and output.
void set_up_console();

// Loads /modules/* in the order of their names. Prints what fails and goes on.
void load_modules();

// The value of "load.KEY=..." on the kernel command line, "" if there is none.
std::string boot_option(const std::string& key);

// All other "load.KEY=VALUE" options, as "KEY=VALUE" words.
std::string workload_options();

}  // namespace vmigrate::lab
