// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages that Open vSwitch 3.1 and its ovs-ofctl exchanged, from tests/netflow/messages.golden:
// "NAME: HEX", and under it the lines that format() makes of it.
#pragma once

#include <doctest/doctest.h>

#include <charconv>
#include <fstream>
#include <string>
#include <vector>

#include "netflow/message.h"
#include "source_dir.h"

namespace vmigrate::test {

struct GoldenMessage {
    std::string name;
    netflow::Octets octets;
    std::string text;
};

inline netflow::Octets from_hex(const std::string& hex) {
    netflow::Octets octets(hex.size() / 2);
    for (std::size_t i = 0; i < octets.size(); ++i) {
        std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, octets[i], 16);
    }
    return octets;
}

inline std::vector<GoldenMessage> golden_messages() {
    std::ifstream in(source_dir() / "tests/netflow/messages.golden");
    std::vector<GoldenMessage> messages;
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        if (line[0] == ' ') {
            auto& text = messages.back().text;
            text += (text.empty() ? "" : "\n") + line.substr(4);
            continue;
        }
        const auto colon = line.find(": ");
        messages.push_back({line.substr(0, colon), from_hex(line.substr(colon + 2)), ""});
    }
    REQUIRE(messages.size() > 40);
    return messages;
}

}  // namespace vmigrate::test
