// SPDX-License-Identifier: GPL-2.0-or-later
//
// The tables of a manual page, for tests that hold the program against them. A table is what
// follows a comment `.\" table: NAME`, its rows are the lines `.It a Ta b Ta c`.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "source_dir.h"

namespace vmigrate::test {

using Row = std::vector<std::string>;

inline Row cells_of(std::string line) {
    std::erase(line, '"');
    Row cells;
    const std::string between = " Ta ";
    for (std::size_t begin = 0; begin <= line.size();) {
        const auto end = std::min(line.find(between, begin), line.size());
        cells.push_back(line.substr(begin, end - begin));
        begin = end + between.size();
    }
    return cells;
}

/// The heading first. A table that is not there has no rows, and the test has failed.
inline std::vector<Row> table_of(const std::string& page, const std::string& name) {
    std::ifstream file(source_dir() / page);
    std::vector<Row> rows;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line == ".\\\" table: " + name) {
            inside = true;
        } else if (inside && line == ".El") {
            return rows;
        } else if (inside && line.starts_with(".It ")) {
            rows.push_back(cells_of(line.substr(4)));
        }
    }
    FAIL("no table '" << name << "' in " << page);
    return rows;
}

}  // namespace vmigrate::test
