// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/units.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <span>

namespace vmigrate {
namespace {

struct Unit {
    std::string_view name;
    double factor;
};

constexpr double kKiB = 1024.0;
constexpr std::array kByteUnits = {Unit{"", 1.0},
                                   Unit{"B", 1.0},
                                   Unit{"KiB", kKiB},
                                   Unit{"MiB", kKiB* kKiB},
                                   Unit{"GiB", kKiB* kKiB* kKiB},
                                   Unit{"TiB", kKiB* kKiB* kKiB* kKiB}};
constexpr std::array kRateUnits = {Unit{"", 1.0},
                                   Unit{"B/s", 1.0},
                                   Unit{"KiB/s", kKiB},
                                   Unit{"MiB/s", kKiB* kKiB},
                                   Unit{"GiB/s", kKiB* kKiB* kKiB},
                                   Unit{"Kb/s", 1e3 / 8},
                                   Unit{"Mb/s", 1e6 / 8},
                                   Unit{"Gb/s", 1e9 / 8}};
constexpr std::array kTimeUnits = {Unit{"ms", 1.0}, Unit{"s", 1e3}, Unit{"m", 60e3},
                                   Unit{"min", 60e3}, Unit{"h", 3600e3}};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
        text.remove_suffix(1);
    }
    return text;
}

/// Number and unit to a count in base units. `example` shows the reader the right form.
Result<double> parse_quantity(std::string_view text, std::span<const Unit> units,
                              std::string_view what, std::string_view example) {
    const auto body = trimmed(text);
    if (body.starts_with('-')) {
        return fail(ErrorKind::usage,
                    fmt::format("'{}' is negative; {} looks like {}", text, what, example));
    }
    double number = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), number);
    if (error != std::errc() || !std::isfinite(number)) {
        return fail(ErrorKind::usage,
                    fmt::format("'{}' is not {}; it looks like {}", text, what, example));
    }
    const auto unit = trimmed(body.substr(static_cast<std::size_t>(end - body.data())));
    for (const auto& candidate : units) {
        if (candidate.name == unit) {
            const double value = number * candidate.factor;
            // Half of the 64-bit range leaves room for every later sum.
            if (value > 9.2e18) {
                return fail(ErrorKind::usage, fmt::format("'{}' is absurdly large", text));
            }
            return value;
        }
    }
    if (unit.empty() && number == 0) {
        return 0.0;
    }
    std::string known;
    for (const auto& candidate : units) {
        if (!candidate.name.empty()) {
            known += known.empty() ? "" : ", ";
            known += candidate.name;
        }
    }
    return fail(
        ErrorKind::usage,
        unit.empty()
            ? fmt::format("'{}' has no unit ({}); {} looks like {}", text, known, what, example)
            : fmt::format("'{}' has an unknown unit '{}'; known: {}", text, unit, known));
}

std::string scaled(double value, std::string_view suffix) {
    constexpr std::array<std::string_view, 5> kPrefixes = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t index = 0;
    while (value >= kKiB && index + 1 < kPrefixes.size()) {
        value /= kKiB;
        ++index;
    }
    return index == 0 ? fmt::format("{:.0f} {}{}", value, kPrefixes.at(index), suffix)
                      : fmt::format("{:.1f} {}{}", value, kPrefixes.at(index), suffix);
}

}  // namespace

milliseconds time_to_send(Bytes size, BytesPerSecond rate) {
    if (size.count == 0) {
        return milliseconds(0);
    }
    if (rate.count == 0) {
        return milliseconds::max();
    }
    const double ms =
        std::ceil(static_cast<double>(size.count) * 1e3 / static_cast<double>(rate.count));
    constexpr double kForever = 1e15;
    return ms > kForever ? milliseconds::max() : milliseconds(static_cast<std::int64_t>(ms));
}

Bytes carried(BytesPerSecond rate, milliseconds time) {
    return Bytes{rate.count} * (static_cast<double>(time.count()) / 1e3);
}

Result<Bytes> parse_bytes(std::string_view text) {
    const auto value = parse_quantity(text, kByteUnits, "a size", "64KiB or 2GiB");
    if (!value) {
        return fail(value.error());
    }
    return Bytes{static_cast<std::uint64_t>(*value)};
}

Result<BytesPerSecond> parse_rate(std::string_view text) {
    const auto value = parse_quantity(text, kRateUnits, "a rate", "100MiB/s or 1Gb/s");
    if (!value) {
        return fail(value.error());
    }
    return BytesPerSecond{static_cast<std::uint64_t>(*value)};
}

Result<milliseconds> parse_time(std::string_view text) {
    const auto value = parse_quantity(text, kTimeUnits, "a time", "300ms, 3s, 5m or 2h");
    if (!value) {
        return fail(value.error());
    }
    constexpr double kLongest = 366.0 * 24 * 3600 * 1e3;
    if (*value > kLongest) {
        return fail(ErrorKind::usage, fmt::format("'{}' is longer than a year", text));
    }
    return milliseconds(static_cast<std::int64_t>(*value));
}

std::string format_bytes(Bytes size) {
    return scaled(static_cast<double>(size.count), "");
}

std::string format_rate(BytesPerSecond rate) {
    return scaled(static_cast<double>(rate.count), "/s");
}

std::string format_time(milliseconds duration) {
    const auto ms = duration.count();
    if (duration == milliseconds::max()) {
        return "for ever";
    }
    if (ms < 1000) {
        return fmt::format("{} ms", ms);
    }
    if (ms < 60'000) {
        return fmt::format("{:.1f} s", static_cast<double>(ms) / 1e3);
    }
    const auto total = ms / 1000;
    if (total < 3600) {
        return fmt::format("{} m {} s", total / 60, total % 60);
    }
    return fmt::format("{} h {} m", total / 3600, total % 3600 / 60);
}

std::string format_wall(WallTime time) {
    const auto whole = std::chrono::floor<seconds>(time);
    const auto ms = std::chrono::duration_cast<milliseconds>(time - whole).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)), ms);
}

}  // namespace vmigrate
