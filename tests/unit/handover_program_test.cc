// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_handover
// LABELS: unit threads
#include <doctest/doctest.h>

#include <chrono>

#include "handover/program.h"

using namespace vmigrate;
using namespace vmigrate::handover;

namespace {

Result<ProgramEnd> sh(const std::string& script, std::string_view input = "",
                      milliseconds limit = seconds(20)) {
    return run_program({"/bin/sh", "-c", script}, input, limit);
}

}  // namespace

TEST_CASE("a program gets its words and its input, and what it says comes back") {
    const auto ended = run_program({"/bin/sh", "-c", "cat; echo \"$1\" >&2; exit 3", "sh", "a 'b'"},
                                   "one\ntwo\n", seconds(20));
    REQUIRE(ended);
    CHECK(ended->code == 3);
    CHECK(ended->said == "one\ntwo\na 'b'\n");
}

TEST_CASE("input that is not read, or only in part, does no harm") {
    const std::string much(1'000'000, 'x');
    const auto deaf = sh("exit 0", much);
    REQUIRE(deaf);
    CHECK(deaf->code == 0);
    const auto counted = sh("wc -c", much);
    REQUIRE(counted);
    CHECK(counted->said == "1000000\n");
}

TEST_CASE("of much output the end is kept") {
    const auto ended = sh("head -c 100000 /dev/zero | tr '\\0' y; echo end");
    REQUIRE(ended);
    CHECK(ended->said.size() == 4096);
    CHECK(ended->said.substr(4092) == "end\n");
}

TEST_CASE("a signal is an exit code as a shell has it") {
    const auto ended = sh("kill -TERM $$");
    REQUIRE(ended);
    CHECK(ended->code == 128 + 15);
}

TEST_CASE("what is not there is an error that names it") {
    const auto ended = run_program({"/nowhere/at all"}, "", seconds(20));
    REQUIRE(!ended);
    CHECK(ended.error().kind == ErrorKind::not_found);
    CHECK(ended.error().message == "cannot run '/nowhere/at all': No such file or directory");
}

TEST_CASE("at its limit a program is ended with its children") {
    const auto since = std::chrono::steady_clock::now();
    const auto ended = sh("sleep 3600 & wait", "", milliseconds(200));
    REQUIRE(!ended);
    CHECK(ended.error().kind == ErrorKind::unreachable);
    CHECK(ended.error().message == "'/bin/sh' was ended: it took longer than 200 ms");
    CHECK(std::chrono::steady_clock::now() - since < std::chrono::minutes(1));
}

TEST_CASE("what a program leaves running is not waited for") {
    const auto ended = sh("sleep 5 & echo done");
    REQUIRE(ended);
    CHECK(ended->said == "done\n");
}
