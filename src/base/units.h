// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sizes, rates and times as types, and their one textual form. Binary prefixes only (KiB, MiB,
// GiB, TiB); a bare number is bytes, bytes per second or, for times, an error: the unit is always
// written. Times are std::chrono; `TimePoint` is the machine's monotonic clock, `WallTime` the
// calendar.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vmigrate {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

struct Bytes {
    std::uint64_t count = 0;
    friend auto operator<=>(const Bytes&, const Bytes&) = default;
    friend Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
    /// Saturates at zero: sizes that we compare come from different moments.
    friend Bytes operator-(Bytes a, Bytes b) { return {a.count > b.count ? a.count - b.count : 0}; }
    Bytes& operator+=(Bytes b) {
        count += b.count;
        return *this;
    }
    friend Bytes operator*(Bytes a, double factor) {
        return {static_cast<std::uint64_t>(static_cast<double>(a.count) * factor)};
    }
};

struct BytesPerSecond {
    std::uint64_t count = 0;
    friend auto operator<=>(const BytesPerSecond&, const BytesPerSecond&) = default;
    friend BytesPerSecond operator*(BytesPerSecond a, double factor) {
        return {static_cast<std::uint64_t>(static_cast<double>(a.count) * factor)};
    }
};

constexpr Bytes kibibytes(std::uint64_t n) {
    return {n << 10U};
}
constexpr Bytes mebibytes(std::uint64_t n) {
    return {n << 20U};
}
constexpr Bytes gibibytes(std::uint64_t n) {
    return {n << 30U};
}

/// How long `size` takes at `rate`; a zero rate gives milliseconds::max().
milliseconds time_to_send(Bytes size, BytesPerSecond rate);

/// What `rate` carries in `time`.
Bytes carried(BytesPerSecond rate, milliseconds time);

/// "64KiB", "1.5 GiB", "4096". Error (usage): negative, no number, unknown unit, overflow.
Result<Bytes> parse_bytes(std::string_view text);
/// "100MiB/s", "1Gb/s" (bits), "0". Error (usage) as above.
Result<BytesPerSecond> parse_rate(std::string_view text);
/// "300ms", "3s", "5m", "2h". Error (usage) as above; a bare number other than 0 has no unit.
Result<milliseconds> parse_time(std::string_view text);

std::string format_bytes(Bytes size);            ///< "1.5 GiB"
std::string format_rate(BytesPerSecond rate);    ///< "112.0 MiB/s"
std::string format_time(milliseconds duration);  ///< "37 ms", "2.1 s", "3 m 20 s"
std::string format_wall(WallTime time);          ///< "2024-05-01T10:20:30.123Z"

}  // namespace vmigrate
