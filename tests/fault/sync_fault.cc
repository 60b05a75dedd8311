// SPDX-License-Identifier: GPL-2.0-or-later
//
// Preloaded into vmigrate by the fault tests: does harm at the Nth time that the history database
// is made durable (SQLite syncs its log once for each durable step). So every step of a migration
// can be the last one, without a hook in the product.
//   VMIGRATE_FAULT=kill:N   the process dies, as by kill -9, right after the Nth sync
//   VMIGRATE_FAULT=int:N    it gets SIGINT right after the Nth sync
//   VMIGRATE_FAULT=full:N   the disk is full from the Nth sync on (write and sync fail)
//   VMIGRATE_FAULT=count    prints the number of syncs at the end, to stderr
#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

std::atomic<int> syncs = 0;

std::string_view wanted() {
    const char* text = std::getenv("VMIGRATE_FAULT");
    return text == nullptr ? std::string_view() : text;
}

bool wanted_at(std::string_view kind, int number) {
    const auto text = wanted();
    return text.starts_with(kind) && std::atoi(text.data() + kind.size()) == number;
}

bool disk_is_full() {
    const auto text = wanted();
    constexpr std::string_view kFull = "full:";
    return text.starts_with(kFull) && syncs >= std::atoi(text.data() + kFull.size());
}

bool is_database(int descriptor) {
    std::array<char, 64> link{};
    std::array<char, 4096> path{};
    std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", descriptor);
    const auto size = readlink(link.data(), path.data(), path.size() - 1);
    return size > 0 && std::string_view(path.data(), static_cast<std::size_t>(size)).find(".db") !=
                           std::string_view::npos;
}

template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int synced(int descriptor, const char* name) {
    static thread_local bool inside = false;
    if (inside || !is_database(descriptor)) {
        return next<int(int)>(name)(descriptor);
    }
    const int number = ++syncs;
    if (disk_is_full()) {
        errno = ENOSPC;
        return -1;
    }
    inside = true;
    const int result = next<int(int)>(name)(descriptor);
    inside = false;
    if (wanted_at("kill:", number)) {
        std::raise(SIGKILL);
    }
    if (wanted_at("int:", number)) {
        kill(getpid(), SIGINT);
    }
    return result;
}

struct Reporter {
    ~Reporter() {
        if (wanted() == "count") {
            std::fprintf(stderr, "syncs %d\n", syncs.load());
        }
    }
} reporter;

}  // namespace

extern "C" {

int fsync(int descriptor) {
    return synced(descriptor, "fsync");
}

int fdatasync(int descriptor) {
    return synced(descriptor, "fdatasync");
}

ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t offset) {
    if (disk_is_full() && is_database(descriptor)) {
        errno = ENOSPC;
        return -1;
    }
    return next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64")(descriptor, data, size,
                                                                        offset);
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
    if (disk_is_full() && is_database(descriptor)) {
        errno = ENOSPC;
        return -1;
    }
    return next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(descriptor, data, size, offset);
}

}  // extern "C"
