// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include "libvirt/volume_content.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

std::vector<char> bytes(std::size_t size, char value) {
    return std::vector<char>(size, value);
}

}  // namespace

TEST_CASE("holes are zeros, however either side is cut") {
    const Part hole{100, 200, {}};
    const Part zeros{100, 200, {{100, bytes(40, 0)}, {150, bytes(50, 0)}}};
    CHECK(!first_difference(hole, hole));
    CHECK(!first_difference(hole, zeros));
    CHECK(!first_difference(zeros, hole));

    const Part data{100, 200, {{120, bytes(30, 7)}}};
    const Part pieces{100, 200, {{110, bytes(10, 0)}, {120, bytes(11, 7)}, {131, bytes(19, 7)}}};
    CHECK(!first_difference(data, pieces));
    CHECK(!first_difference(pieces, data));
    CHECK(first_difference(data, hole) == 120);
    CHECK(first_difference(hole, data) == 120);
}

TEST_CASE("each byte counts, the first and the last, in data and in holes") {
    for (const std::uint64_t wrong : {100, 119, 120, 149, 150, 199}) {
        Part one{100, 200, {{120, bytes(30, 7)}}};
        Part other{100, 200, {{100, bytes(100, 0)}}};
        std::fill_n(other.extents[0].data.begin() + 20, 30, 7);
        REQUIRE(!first_difference(one, other));
        other.extents[0].data[wrong - 100] ^= 1;
        CHECK(first_difference(one, other) == wrong);
        CHECK(first_difference(other, one) == wrong);
    }
}

TEST_CASE("what only one of them knows is no difference yet") {
    const Part little{100, 150, {{100, bytes(50, 7)}}};
    const Part more{100, 200, {{100, bytes(50, 7)}, {160, bytes(40, 9)}}};
    CHECK(!first_difference(little, more));
    CHECK(!first_difference(more, little));
}

TEST_CASE("long holes are asked for in long parts, data is not") {
    PartLength length;
    const auto least = length.now();
    const Part hole{0, least, {}};
    const Part data{0, least, {{0, bytes(1, 7)}}};
    length.saw(hole, hole);
    CHECK(length.now() > least);
    length.saw(hole, data);
    CHECK(length.now() == least);
    for (int i = 0; i < 64; ++i) {
        length.saw(hole, hole);
    }
    CHECK(length.now() == gibibytes(64).count);
}
