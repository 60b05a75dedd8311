// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the source tree is, for tests that read its files: ctest says it; else the folder that a
// test is started in.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace vmigrate::test {

inline std::filesystem::path source_dir() {
    const char* told = std::getenv("SOURCE_DIR");
    return told == nullptr ? std::filesystem::current_path() : std::filesystem::path(told);
}

}  // namespace vmigrate::test
