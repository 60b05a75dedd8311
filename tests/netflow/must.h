// SPDX-License-Identifier: GPL-2.0-or-later
//
// For the programs that check against real switches: the first failure ends them, with its line.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/result.h"

namespace vmigrate::test {

inline int checks = 0;
inline void (*at_failure)() = [] {};  ///< says more

#define CHECK(what)                                                       \
    do {                                                                  \
        ++vmigrate::test::checks;                                         \
        if (!(what)) {                                                    \
            std::fprintf(stderr, "FAIL: line %d: %s\n", __LINE__, #what); \
            vmigrate::test::at_failure();                                 \
            std::exit(1);                                                 \
        }                                                                 \
    } while (false)

/// The value, or the end of the test with what went wrong.
template <class T>
T must(Result<T> result, int line) {
    ++checks;
    if (!result) {
        std::fprintf(stderr, "FAIL: line %d: %s\n", line, result.error().message.c_str());
        at_failure();
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}
#define MUST(call) vmigrate::test::must((call), __LINE__)

}  // namespace vmigrate::test
