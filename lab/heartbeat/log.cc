// SPDX-License-Identifier: GPL-2.0-or-later
#include "heartbeat/log.h"

#include <fstream>

namespace vmigrate::lab {

std::vector<Record> read_log(const std::string& base) {
    std::vector<Record> records;
    for (const char* suffix : {".old", ".log"}) {
        std::ifstream file(base + suffix, std::ios::binary | std::ios::ate);
        if (!file) {
            continue;
        }
        const auto count = static_cast<std::size_t>(file.tellg()) / sizeof(Record);
        const std::size_t before = records.size();
        records.resize(before + count);
        file.seekg(0);
        file.read(reinterpret_cast<char*>(records.data() + before),
                  static_cast<std::streamsize>(count * sizeof(Record)));
    }
    return records;
}

std::vector<std::string> read_bugs(const std::string& base) {
    std::vector<std::string> bugs;
    std::ifstream file(base + ".bugs");
    for (std::string line; std::getline(file, line);) {
        bugs.push_back(line);
    }
    return bugs;
}

}  // namespace vmigrate::lab
