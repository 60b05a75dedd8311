// SPDX-License-Identifier: GPL-2.0-or-later
#include "heartbeat/report.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

namespace vmigrate::lab {
namespace {

constexpr std::uint64_t kWindowNs = 100'000'000;

struct Boot {
    std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t last = 0;
    std::unordered_set<std::uint64_t> seen;
};

void count_sequences(const std::vector<Record>& records, Report& report) {
    std::unordered_map<std::uint64_t, Boot> boots;
    for (const Record& record : records) {
        Boot& boot = boots[record.boot];
        boot.first = std::min(boot.first, record.sequence);
        boot.last = std::max(boot.last, record.sequence);
        report.duplicated += boot.seen.insert(record.sequence).second ? 0 : 1;
    }
    for (const auto& [id, boot] : boots) {
        report.lost += boot.last - boot.first + 1 - boot.seen.size();
    }
    report.boots = boots.size();
}

// By sliding a window of at least 100 ms over the arrivals; within one boot.
double lowest_rate(const std::vector<Record>& records) {
    double lowest = std::numeric_limits<double>::infinity();
    std::size_t start = 0;
    for (std::size_t end = 1; end < records.size(); ++end) {
        if (records[end].boot != records[start].boot) {
            start = end;
            continue;
        }
        while (start + 1 < end &&
               records[end].monotonic_ns - records[start + 1].monotonic_ns >= kWindowNs) {
            ++start;
        }
        const std::uint64_t length = records[end].monotonic_ns - records[start].monotonic_ns;
        if (length >= kWindowNs && records[end].transactions >= records[start].transactions) {
            const auto done = records[end].transactions - records[start].transactions;
            lowest =
                std::min(lowest, static_cast<double>(done) * 1e9 / static_cast<double>(length));
        }
    }
    return lowest == std::numeric_limits<double>::infinity() ? 0 : lowest;
}

void count_work(const std::vector<Record>& records, Report& report) {
    std::uint64_t transactions = 0, dirtied = 0, written = 0;
    for (std::size_t i = 1; i < records.size(); ++i) {
        const Record& a = records[i - 1];
        const Record& b = records[i];
        if (a.boot != b.boot || b.sequence <= a.sequence) {
            continue;  // counters begin at zero again, or an old packet came late
        }
        transactions += b.transactions - a.transactions;
        dirtied += b.dirtied_bytes - a.dirtied_bytes;
        written += b.disk_written_bytes - a.disk_written_bytes;
        report.memory_passes += b.memory_passes - a.memory_passes;
        report.disk_passes += b.disk_passes - a.disk_passes;
        report.errors += b.errors - a.errors;
        report.verified_bytes += b.verified_bytes - a.verified_bytes;
    }
    if (records.size() > 1) {
        const double seconds =
            static_cast<double>(records.back().monotonic_ns - records.front().monotonic_ns) / 1e9;
        if (seconds > 0) {
            report.transactions_per_s = static_cast<double>(transactions) / seconds;
            report.dirtied_bytes_per_s = static_cast<double>(dirtied) / seconds;
            report.disk_written_bytes_per_s = static_cast<double>(written) / seconds;
        }
    }
    report.lowest_transactions_per_s = lowest_rate(records);
}

}  // namespace

Report evaluate(const std::vector<Record>& records, std::uint64_t since, std::uint64_t until,
                std::uint64_t now) {
    Report report;
    until = std::min(until, now);
    std::vector<Record> inside;
    const Record* before = nullptr;
    const Record* after = nullptr;
    for (const Record& record : records) {
        if (record.monotonic_ns < since) {
            before = &record;
        } else if (record.monotonic_ns <= until) {
            inside.push_back(record);
        } else {
            after = &record;
            break;
        }
    }
    std::uint64_t previous = before != nullptr ? before->monotonic_ns : 0;
    const auto gap_until = [&](std::uint64_t when) {
        if (previous != 0 && when > previous && when - previous > report.longest_gap_ns) {
            report.longest_gap_ns = when - previous;
            report.longest_gap_start_ns = previous;
        }
        previous = when;
    };
    for (const Record& record : inside) {
        gap_until(record.monotonic_ns);
    }
    report.last_ns = previous;
    gap_until(after != nullptr ? after->monotonic_ns : until);

    report.packets = inside.size();
    // a loss or an error in a gap that began before the window belongs to it
    if (before != nullptr) {
        inside.insert(inside.begin(), *before);
    }
    count_sequences(inside, report);
    count_work(inside, report);
    return report;
}

std::optional<Record> first_after(const std::vector<Record>& records, std::uint64_t realtime_ns) {
    for (const Record& record : records) {
        if (record.realtime_ns >= realtime_ns) {
            return record;
        }
    }
    return std::nullopt;
}

}  // namespace vmigrate::lab
