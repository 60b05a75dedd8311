// SPDX-License-Identifier: GPL-2.0-or-later
#include "verify/status.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace vmigrate::verify {
namespace {

constexpr std::string_view kName = "VERIFIER ";
constexpr std::string_view kBug = "VERIFIER BUG ";

std::string_view trimmed(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) {
        line.remove_suffix(1);
    }
    return line;
}

/// The pieces of `text` between separators.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    for (;;) {
        const auto end = text.find(separator);
        pieces.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return pieces;
        }
        text.remove_prefix(end + 1);
    }
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    return error == std::errc() && end == last ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<GuestStatus> read_status(std::string_view line) {
    line = trimmed(line);
    if (!line.starts_with(kName)) {
        return std::nullopt;
    }
    std::map<std::string_view, std::string_view> words;
    for (const auto word : split(line.substr(kName.size()), ' ')) {
        const auto equals = word.find('=');
        if (equals == std::string_view::npos) {
            return std::nullopt;
        }
        words[word.substr(0, equals)] = word.substr(equals + 1);
    }
    GuestStatus status;
    for (const auto piece : split(words["passes"], ',')) {
        const auto passes = number(piece);
        if (!passes) {
            return std::nullopt;
        }
        status.passes.push_back(*passes);
    }
    const auto sequence = number(words["sequence"]);
    const auto ready = number(words["ready"]);
    const auto verified = number(words["verified_bytes"]);
    const auto errors = number(words["errors"]);
    if (words["boot"].empty() || !sequence || !ready || !verified || !errors) {
        return std::nullopt;
    }
    status.boot = words["boot"];
    status.sequence = *sequence;
    status.ready = *ready == 1;
    status.verified = {*verified};
    status.errors = *errors;
    return status;
}

std::optional<std::string> read_bug(std::string_view line) {
    line = trimmed(line);
    return line.starts_with(kBug) ? std::optional(std::string(line.substr(kBug.size())))
                                  : std::nullopt;
}

bool checked_since(const GuestStatus& then, const GuestStatus& now) {
    constexpr std::uint64_t kTwo = 2;
    return then.passes.size() == now.passes.size() &&
           std::ranges::equal(
               then.passes, now.passes,
               [](std::uint64_t before, std::uint64_t after) { return after >= before + kTwo; });
}

}  // namespace vmigrate::verify
