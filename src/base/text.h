// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small text helpers that more than one module needs.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vmigrate {

/// `text` in single quotes with control characters escaped: safe to print on a terminal whatever a
/// guest or file is called. Valid UTF-8 is kept as it is.
std::string quoted(std::string_view text);
/// These take precedence over std::quoted, which argument-dependent lookup would find.
inline std::string quoted(const std::string& text) {
    return quoted(std::string_view(text));
}
inline std::string quoted(std::string& text) {
    return quoted(std::string_view(text));
}

/// 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text);

/// The candidate nearest to `word` (edit distance at most a third of its length), for
/// "did you mean". Nothing when none is near.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace vmigrate
