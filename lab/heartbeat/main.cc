// SPDX-License-Identifier: GPL-2.0-or-later
// The peer's program; "lab" runs it, its arguments are not for people:
//   receive DIRECTORY | report LOG [--since NS] [--until NS] [--json] | after LOG REALTIME_NS
//   set ADDRESS WORDS | check WORDS | hash -- NAME | clock
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "guest/settings.h"
#include "heartbeat/control.h"
#include "heartbeat/log.h"
#include "heartbeat/packet.h"
#include "heartbeat/receive.h"
#include "heartbeat/report.h"

using namespace vmigrate::lab;

namespace {

using Arguments = std::vector<std::string>;

int fail(const std::string& text) {
    std::fprintf(stderr, "lab: %s\n", text.c_str());
    return 1;
}

double ms(std::uint64_t ns) {
    return static_cast<double>(ns) / 1e6;
}

unsigned long long ull(std::uint64_t value) {
    return value;
}

std::uint64_t monotonic_ns() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// A finding is plain text; what is not comes from elsewhere.
std::string json_string(std::string text) {
    for (char& c : text) {
        c = c < ' ' || c == '"' || c == '\\' ? '?' : c;
    }
    return '"' + text + '"';
}

void print_json(const Report& r, const std::vector<std::string>& bugs) {
    std::string list;
    for (const std::string& bug : bugs) {
        list += (list.empty() ? "" : ", ") + json_string(bug);
    }
    std::printf(
        "{\"packets\": %llu, \"lost\": %llu, \"duplicated\": %llu, \"boots\": %llu, "
        "\"longest_gap_ms\": %.3f, \"longest_gap_start_monotonic_ns\": %llu, "
        "\"last_monotonic_ns\": %llu, \"transactions_per_s\": %.3f, "
        "\"lowest_transactions_per_s\": %.3f, \"dirtied_bytes_per_s\": %.0f, "
        "\"disk_written_bytes_per_s\": %.0f, \"memory_passes\": %llu, \"disk_passes\": %llu, "
        "\"errors\": %llu, \"verified_bytes\": %llu, \"bugs\": [%s]}\n",
        ull(r.packets), ull(r.lost), ull(r.duplicated), ull(r.boots), ms(r.longest_gap_ns),
        ull(r.longest_gap_start_ns), ull(r.last_ns), r.transactions_per_s,
        r.lowest_transactions_per_s, r.dirtied_bytes_per_s, r.disk_written_bytes_per_s,
        ull(r.memory_passes), ull(r.disk_passes), ull(r.errors), ull(r.verified_bytes),
        list.c_str());
}

void print_text(const Report& r, const std::vector<std::string>& bugs) {
    std::printf("heartbeats    %llu, lost %llu, duplicated %llu, boots %llu\n", ull(r.packets),
                ull(r.lost), ull(r.duplicated), ull(r.boots));
    std::printf("longest gap   %.1f ms, from monotonic %llu ns\n", ms(r.longest_gap_ns),
                ull(r.longest_gap_start_ns));
    std::printf("transactions  %.0f/s, lowest in 100 ms %.0f/s\n", r.transactions_per_s,
                r.lowest_transactions_per_s);
    std::printf("dirtied       %.1f MiB/s, disks written %.1f MiB/s\n",
                r.dirtied_bytes_per_s / 1048576, r.disk_written_bytes_per_s / 1048576);
    std::printf("verifier      %llu errors; passes: memory %llu, disks %llu; %.1f MiB verified\n",
                ull(r.errors), ull(r.memory_passes), ull(r.disk_passes),
                static_cast<double>(r.verified_bytes) / 1048576);
    for (const std::string& bug : bugs) {
        std::printf("BUG %s\n", bug.c_str());
    }
}

int report(const Arguments& a) {
    std::uint64_t since = 0;
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max();
    bool json = false;
    for (std::size_t i = 1; i < a.size(); ++i) {
        if (a[i] == "--since" && i + 1 < a.size()) {
            since = std::strtoull(a[++i].c_str(), nullptr, 10);
        } else if (a[i] == "--until" && i + 1 < a.size()) {
            until = std::strtoull(a[++i].c_str(), nullptr, 10);
        } else if (a[i] == "--json") {
            json = true;
        }
    }
    const Report result = evaluate(read_log(a[0]), since, until, monotonic_ns());
    const auto bugs = read_bugs(a[0]);
    json ? print_json(result, bugs) : print_text(result, bugs);
    return 0;
}

int after(const Arguments& a) {
    const auto moment = std::strtoull(a[1].c_str(), nullptr, 10);
    const auto record = first_after(read_log(a[0]), moment);
    if (!record) {
        return fail("no heartbeat after that");
    }
    std::printf("%.1f\n", ms(record->realtime_ns - moment));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments all(argv + 1, argv + argc);
    const std::string command = all.empty() ? "" : all[0];
    const Arguments rest(all.begin() + (all.empty() ? 0 : 1), all.end());
    if (command == "receive" && rest.size() == 1) {
        return fail(receive_forever(rest[0]));
    }
    if (command == "report" && !rest.empty()) {
        return report(rest);
    }
    if (command == "after" && rest.size() == 2) {
        return after(rest);
    }
    if (command == "set" && rest.size() == 2) {
        const std::string error = send_settings(rest[0], rest[1]);
        return error.empty() ? 0 : fail(error);
    }
    if (command == "check" && rest.size() == 1) {
        const std::string error = SettingsStore().apply(rest[0]);
        return error.empty() ? 0 : fail(error);
    }
    if (command == "hash" && rest.size() == 2) {
        std::printf("%016llx\n", ull(name_hash(rest[1])));
        return 0;
    }
    if (command == "clock") {
        std::printf("%llu\n", ull(monotonic_ns()));
        return 0;
    }
    return fail("heartbeat: bad arguments; it is for lab's own use");
}
