// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tables of names for enums: one list gives both directions.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace vmigrate {

template <class E, std::size_t count>
using NameTable = std::array<std::pair<E, std::string_view>, count>;

template <class E, std::size_t count>
constexpr std::string_view name_in(const NameTable<E, count>& table, E value) {
    for (const auto& [key, name] : table) {
        if (key == value) {
            return name;
        }
    }
    return "?";
}

template <class E, std::size_t count>
constexpr std::optional<E> value_in(const NameTable<E, count>& table, std::string_view name) {
    for (const auto& [key, text] : table) {
        if (text == name) {
            return key;
        }
    }
    return std::nullopt;
}

}  // namespace vmigrate
