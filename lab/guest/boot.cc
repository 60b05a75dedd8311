// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/boot.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <vector>

namespace vmigrate::lab {
namespace {

constexpr std::string_view kPrefix = "load.";

// "KEY=VALUE" of each of our words
std::vector<std::string> options() {
    std::ifstream file("/proc/cmdline");
    std::vector<std::string> result;
    for (std::string word; file >> word;) {
        if (word.starts_with(kPrefix)) {
            result.push_back(word.substr(kPrefix.size()));
        }
    }
    return result;
}

bool is_boot_option(std::string_view option) {
    return option.starts_with("address=") || option.starts_with("peer=") ||
           option.starts_with("guest=") || option.starts_with("probe=");
}

}  // namespace

void set_up_console() {
    for (const char* directory : {"/proc", "/sys", "/dev"}) {
        mkdir(directory, 0755);
    }
    mount("none", "/proc", "proc", 0, nullptr);
    mount("none", "/sys", "sysfs", 0, nullptr);
    mount("none", "/dev", "devtmpfs", 0, nullptr);
    const int console = open("/dev/console", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) {
        dup2(console, fd);
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 1024);
}

void load_modules() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator("/modules")) {
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
        const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0) {
            std::printf("load: %s: %m\n", file.c_str());
        }
        close(fd);
    }
}

std::string boot_option(const std::string& key) {
    for (const std::string& option : options()) {
        if (option.starts_with(key + "=")) {
            return option.substr(key.size() + 1);
        }
    }
    return "";
}

std::string workload_options() {
    std::string result;
    for (const std::string& option : options()) {
        if (!is_boot_option(option)) {
            result += option + " ";
        }
    }
    return result;
}

}  // namespace vmigrate::lab
