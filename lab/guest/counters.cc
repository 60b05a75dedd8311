// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/counters.h"

#include <cstdarg>
#include <cstdio>

namespace vmigrate::lab {

void bug(Counters& counters, const char* format, ...) {
    const std::uint64_t count = counters.errors.fetch_add(1) + 1;
    if (count > 50 && count % 1000 != 0) {
        return;
    }
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    std::printf("BUG %s (error %llu)\n", text, static_cast<unsigned long long>(count));
}

}  // namespace vmigrate::lab
