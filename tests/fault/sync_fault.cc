// SPDX-License-Identifier: GPL-2.0-or-later
//
// Preloaded into vmigrate by the fault tests: does harm at the Nth time that the history database
// is made durable (SQLite syncs its log once for each durable step). So every step of a migration
// can be the last one, without a hook in the product.
//   VMIGRATE_FAULT=kill:N   the process dies, as by kill -9, right after the Nth sync
//   VMIGRATE_FAULT=int:N    it gets SIGINT right after the Nth sync
//   VMIGRATE_FAULT=full:N   the disk is full from the Nth sync on (write and sync fail)
//   VMIGRATE_FAULT=stop:N   it stops, as by SIGSTOP, right after the Nth sync, and may be continued
//   VMIGRATE_FAULT=count    prints the number of syncs at the end, to stderr
// Instead of N the name of a phase: right after the sync that made it durable.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" {
struct sqlite3_stmt;
}

namespace {

std::atomic<int> syncs = 0;
std::atomic<bool> phase_written = false;  ///< the phase that is meant, and perhaps not yet synced
std::atomic<int> phase_sync = 0;          ///< the sync that made it durable; 0 = none yet

std::string_view wanted() {
    const char* text = std::getenv("VMIGRATE_FAULT");
    return text == nullptr ? std::string_view() : text;
}

/// "7" or "precopy" when such harm is wanted, else empty.
std::string_view moment_of(std::string_view harm) {
    const auto text = wanted();
    return text.starts_with(harm) ? text.substr(harm.size()) : std::string_view();
}

bool names_phase(std::string_view moment) {
    return !moment.empty() && std::isdigit(static_cast<unsigned char>(moment.front())) == 0;
}

bool wanted_at(std::string_view harm, int number) {
    const auto moment = moment_of(harm);
    return !moment.empty() &&
           (names_phase(moment) ? phase_sync.load() : std::atoi(moment.data())) == number;
}

bool disk_is_full() {
    const auto moment = moment_of("full:");
    if (names_phase(moment)) {
        return phase_sync > 0;
    }
    return !moment.empty() && syncs >= std::atoi(moment.data());
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

/// A phase is entered by a line of the timeline; later lines have its name, too.
void saw_text(sqlite3_stmt* statement, std::string_view text) {
    const auto moment = wanted().substr(std::min(wanted().size(), wanted().find(':') + 1));
    const char* sql = next<const char*(sqlite3_stmt*)>("sqlite3_sql")(statement);
    if (names_phase(moment) && text == moment && sql != nullptr &&
        std::string_view(sql).starts_with("INSERT INTO timeline")) {
        phase_written = true;
    }
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
    if (phase_written && phase_sync == 0) {
        phase_sync = number;
    }
    if (wanted_at("kill:", number)) {
        std::raise(SIGKILL);
    }
    if (wanted_at("int:", number)) {
        kill(getpid(), SIGINT);
    }
    if (wanted_at("stop:", number)) {
        kill(getpid(), SIGSTOP);
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

int sqlite3_bind_text(sqlite3_stmt* statement, int index, const char* text, int size,
                      void (*destroy)(void*)) {
    if (text != nullptr && size >= 0) {
        saw_text(statement, {text, static_cast<std::size_t>(size)});
    }
    using Bind = int(sqlite3_stmt*, int, const char*, int, void (*)(void*));
    return next<Bind>("sqlite3_bind_text")(statement, index, text, size, destroy);
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
