// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace vmigrate::test {

/// A finding where nothing would crash by itself.
inline void must(bool holds, const char* what, const std::string& seen = "") {
    if (!holds) {
        std::fprintf(stderr, "not so: %s: %s\n", what, seen.c_str());
        std::abort();
    }
}

}  // namespace vmigrate::test
