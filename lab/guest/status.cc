// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/status.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace vmigrate::lab {

std::string status_lines(const Counters& counters, const std::string& boot,
                         std::uint64_t sequence) {
    std::string passes = std::to_string(counters.memory_passes);
    for (std::size_t disk = 0; disk < counters.disks; ++disk) {
        passes += "," + std::to_string(counters.passes_of_disk[disk]);
    }
    std::string lines = "VERIFIER boot=" + boot + " sequence=" + std::to_string(sequence) +
                        " ready=" + (counters.loads_to_fill == 0 ? "1" : "0") +
                        " passes=" + passes +
                        " verified_bytes=" + std::to_string(counters.verified_bytes) +
                        " errors=" + std::to_string(counters.errors) + "\n";
    if (const auto finding = counters.findings.turn(sequence)) {
        lines += "VERIFIER BUG " + *finding + "\n";
    }
    return lines;
}

void report_forever(const SettingsStore& settings, const Counters& counters) {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    std::uint64_t seconds = 0;
    for (std::uint64_t sequence = 1;;) {
        sleep(1);
        const auto period = settings.get().report;
        if (period != 0 && ++seconds >= period) {
            seconds = 0;
            std::fputs(status_lines(counters, boot, sequence++).c_str(), stdout);
        }
    }
}

}  // namespace vmigrate::lab
