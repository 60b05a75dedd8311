// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps what grows as long as a migration lasts from growing without end. Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace vmigrate::probe {

/// Every second one stays, the first of all among them.
template <class T>
void thin_out(std::vector<T>& list) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < list.size(); i += 2) {
        list[kept++] = list[i];
    }
    list.resize(kept);
}

}  // namespace vmigrate::probe
