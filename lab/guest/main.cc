// SPDX-License-Identifier: GPL-2.0-or-later
// Process 1 of a lab guest: runs the workload for ever.
#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "guest/boot.h"
#include "guest/counters.h"
#include "guest/disk_load.h"
#include "guest/memory_load.h"
#include "guest/network.h"
#include "guest/settings.h"
#include "guest/status.h"
#include "guest/transactions.h"
#include "probe/responder.h"

using namespace vmigrate::lab;

namespace {

void start_disks(SettingsStore& settings, Counters& counters) {
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        const std::string name = std::string("vd") + letter;
        const int fd = open(("/dev/" + name).c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
        if (fd >= 0) {
            auto* disk = new DiskLoad(settings, counters, name, fd);  // lives for ever
            std::thread(&DiskLoad::write_forever, disk).detach();
            std::thread(&DiskLoad::verify_forever, disk).detach();
        }
    }
}

}  // namespace

int main() {
    set_up_console();
    if (boot_option("probe") == "1") {
        std::printf("load: booted\n");
        reboot(RB_AUTOBOOT);
    }
    load_modules();

    // never freed: the threads go on as long as the machine does
    auto& settings = *new SettingsStore;
    auto& counters = *new Counters;
    if (const std::string error = settings.apply(workload_options()); !error.empty()) {
        std::printf("load: %s\n", error.c_str());
    }
    if (const std::string error = set_up_interface(boot_option("address")); !error.empty()) {
        std::printf("load: %s\n", error.c_str());
    }
    const std::uint64_t guest = std::stoull("0" + boot_option("guest"), nullptr, 16);
    const std::string peer = boot_option("peer");
    std::thread([&counters, guest, peer] { heartbeat_forever(counters, guest, peer); }).detach();
    std::thread(echo_forever).detach();
    std::thread(respond_forever).detach();
    std::thread(echo_streams_forever).detach();
    std::thread([&settings] { control_forever(settings); }).detach();
    std::thread([&settings, &counters] { transact_forever(settings, counters); }).detach();
    auto* memory = new MemoryLoad(settings, counters);
    std::thread(&MemoryLoad::write_forever, memory).detach();
    std::thread(&MemoryLoad::verify_forever, memory).detach();
    start_disks(settings, counters);
    std::thread([&settings, &counters] { report_forever(settings, counters); }).detach();
    std::printf("load: started\n");
    for (;;) {
        pause();
    }
}
