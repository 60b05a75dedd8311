// SPDX-License-Identifier: GPL-2.0-or-later
//
// The middle of several readings, for what a few of them may have got wrong. Values only; any
// thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

namespace vmigrate {

/// The lower one of two in the middle: a value that really occurred. Nothing of nothing.
template <class T>
std::optional<T> median(std::vector<T> values) {
    if (values.empty()) {
        return std::nullopt;
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

}  // namespace vmigrate
