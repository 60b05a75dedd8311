// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/moment.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

std::optional<WallTime> calendar(const std::string& text) {
    for (const auto* form : {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ",
                             "%Y-%m-%dT%H:%M:%SZ"}) {
        std::tm fields{};
        const auto* end = strptime(text.c_str(), form, &fields);
        if (end == nullptr || *end != '\0') {
            continue;
        }
        const auto day = fields.tm_mday;
        const auto at = timegm(&fields);  // makes March 2 of February 30
        if (fields.tm_mday == day) {
            return std::chrono::system_clock::from_time_t(at);
        }
    }
    return std::nullopt;
}

std::optional<milliseconds> age(const std::string& text) {
    unsigned days = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, days);
    if (error == std::errc() && stop + 1 == end && *stop == 'd' && days < 100000) {
        return std::chrono::hours(24) * days;
    }
    const auto time = parse_time(text);
    return time ? std::optional(*time) : std::nullopt;
}

}  // namespace

Result<WallTime> parse_moment(const std::string& option, const std::string& text, WallTime now) {
    if (const auto at = calendar(text)) {
        return *at;
    }
    if (const auto before = age(text)) {
        return now - *before;
    }
    return fail(ErrorKind::usage,
                fmt::format("{} {}: it is a date, as 2026-11-27 or 2026-11-27T10:20 (UTC), or an "
                            "age, as 12h or 7d",
                            option, quoted(text)));
}

}  // namespace vmigrate::cli
