// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_base
// LABELS: unit
#include <doctest/doctest.h>

#include <vector>

#include "base/median.h"
#include "base/text.h"
#include "base/units.h"

using namespace vmigrate;

TEST_CASE("sizes, rates and times are read with their units") {
    CHECK(parse_bytes("64KiB")->count == 65536);
    CHECK(parse_bytes(" 1.5 GiB ")->count == 1610612736);
    CHECK(parse_bytes("4096")->count == 4096);
    CHECK(parse_rate("100MiB/s")->count == 104857600);
    CHECK(parse_rate("1Gb/s")->count == 125000000);
    CHECK(parse_rate("0")->count == 0);
    CHECK(*parse_time("300ms") == milliseconds(300));
    CHECK(*parse_time("1.5s") == milliseconds(1500));
    CHECK(*parse_time("2h") == std::chrono::hours(2));
    CHECK(*parse_time("0") == milliseconds(0));
}

TEST_CASE("what is no size, rate or time is refused in one sentence") {
    for (const auto* text : {"-1", "", "x", "1XiB", "1e300", "nan", "inf", "99999999999TiB"}) {
        CAPTURE(text);
        REQUIRE(!parse_bytes(text));
        CHECK(parse_bytes(text).error().kind == ErrorKind::usage);
        CHECK(parse_bytes(text).error().message.find('\n') == std::string::npos);
    }
    CHECK(parse_time("300").error().message.find("no unit") != std::string::npos);
    CHECK(parse_time("99999h").error().message.find("year") != std::string::npos);
    CHECK(parse_time("-3s").error().message.find("negative") != std::string::npos);
    CHECK(parse_rate("3 parsecs").error().message.find("parsecs") != std::string::npos);
}

TEST_CASE("what is written can be read again") {
    CHECK(format_bytes({1610612736}) == "1.5 GiB");
    CHECK(format_bytes({512}) == "512 B");
    CHECK(format_rate({104857600}) == "100.0 MiB/s");
    CHECK(format_time(milliseconds(37)) == "37 ms");
    CHECK(format_time(milliseconds(2100)) == "2.1 s");
    CHECK(format_time(milliseconds(200'000)) == "3 m 20 s");
    CHECK(format_time(milliseconds::max()) == "for ever");
    CHECK(format_wall(WallTime(milliseconds(1714558830123))) == "2024-05-01T10:20:30.123Z");
}

TEST_CASE("time to send and amount carried fit together") {
    CHECK(time_to_send(mebibytes(100), {104857600}) == seconds(1));
    CHECK(time_to_send({0}, {0}) == milliseconds(0));
    CHECK(time_to_send({1}, {0}) == milliseconds::max());
    CHECK(carried({104857600}, milliseconds(500)) == mebibytes(50));
    CHECK((mebibytes(1) - mebibytes(2)).count == 0);
}

TEST_CASE("quoted text cannot play with the terminal") {
    CHECK(quoted(std::string("web")) == "'web'");
    CHECK(quoted(std::string("it's")) == "'it\\'s'");
    CHECK(quoted(std::string("a\x1b[31mb\n")) == "'a\\x1b[31mb\\x0a'");
    CHECK(quoted(std::string("größe")) == "'größe'");
}

TEST_CASE("the nearest word is found, a far one is not") {
    const std::vector<std::string> words = {"history", "status", "start"};
    CHECK(nearest("histroy", words) == "history");
    CHECK(nearest("stat", words) == "start");
    CHECK(!nearest("evacuate", words));
}

TEST_CASE("a UUID is told from what only looks like one") {
    CHECK(is_uuid("c7a5fdbd-cdaf-9455-926a-d65c16db1809"));
    CHECK(is_uuid("C7A5FDBD-CDAF-9455-926A-D65C16DB1809"));
    CHECK(!is_uuid(""));
    CHECK(!is_uuid("c7a5fdbd-cdaf-9455-926a-d65c16db180"));
    CHECK(!is_uuid("c7a5fdbd-cdaf-9455-926a-d65c16db18090"));
    CHECK(!is_uuid("c7a5fdbdccdaf-9455-926a-d65c16db1809"));
    CHECK(!is_uuid("g7a5fdbd-cdaf-9455-926a-d65c16db1809"));
}

TEST_CASE("the median is a value that occurred") {
    CHECK(!median(std::vector<int>{}));
    CHECK(median(std::vector{7}) == 7);
    CHECK(median(std::vector{9, 1, 5}) == 5);
    CHECK(median(std::vector{9, 1, 5, 7}) == 5);
}
