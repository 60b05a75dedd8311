// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_verify lab_verifier
// LABELS: unit
//
// Both ends of what the verifier says on the console.
#include <doctest/doctest.h>

#include "guest/status.h"
#include "verify/status.h"

using namespace vmigrate;
using namespace vmigrate::verify;

namespace {

const std::string kLine =
    "VERIFIER boot=3f2a sequence=7 ready=1 passes=12,3,4 verified_bytes=5000000000 errors=0";

GuestStatus passes(std::vector<std::uint64_t> numbers) {
    GuestStatus status;
    status.passes = std::move(numbers);
    return status;
}

}  // namespace

TEST_CASE("what the guest prints is read back") {
    lab::Counters counters;
    counters.memory_passes = 12;
    counters.disks = 2;
    counters.passes_of_disk[0] = 3;
    counters.passes_of_disk[1] = 4;
    counters.verified_bytes = 5'000'000'000;
    counters.loads_to_fill = 0;
    CHECK(lab::status_lines(counters, "3f2a", 7) == kLine + "\n");
    const auto status = read_status(kLine + "\r\n");
    REQUIRE(status);
    CHECK(status->boot == "3f2a");
    CHECK(status->sequence == 7);
    CHECK(status->ready);
    CHECK(status->passes == std::vector<std::uint64_t>{12, 3, 4});
    CHECK(status->verified == Bytes{5'000'000'000});
    CHECK(status->errors == 0);
    CHECK(!read_bug(kLine));

    counters.loads_to_fill = 1;
    counters.errors = 2;
    counters.findings.add("old: memory page 5: expected 2, found 1");
    const auto lines = lab::status_lines(counters, "3f2a", 8);
    const auto end = lines.find('\n');
    const auto found = read_status(lines.substr(0, end));
    REQUIRE(found);
    CHECK(!found->ready);
    CHECK(found->errors == 2);
    CHECK(read_bug(lines.substr(end + 1)) == "old: memory page 5: expected 2, found 1");
}

TEST_CASE("other lines, and pieces of lines, are not taken for one") {
    for (std::size_t size = 0; size < kLine.size() - 1; ++size) {
        CAPTURE(kLine.substr(0, size));
        CHECK(!read_status(kLine.substr(0, size)));
    }
    CHECK(!read_status(kLine.substr(1)));
    CHECK(!read_status("[    2.31] VERIFIER boot=3f2a"));
    CHECK(!read_status(kLine + " [    2.31] something"));
    CHECK(!read_status(
        "VERIFIER boot=3f2a sequence=7 ready=1 passes=12,,4 verified_bytes=5 errors=0"));
    CHECK(
        !read_status("VERIFIER boot=3f2a sequence=-7 ready=1 passes=1 verified_bytes=5 errors=0"));
    CHECK(!read_status("VERIFIER BUG old: memory page 5"));
    CHECK(!read_bug("BUG old: memory page 5"));
}

TEST_CASE("everything was checked once it was passed twice") {
    CHECK(!checked_since(passes({5, 1}), passes({9, 2})));
    CHECK(!checked_since(passes({5, 1}), passes({6, 9})));
    CHECK(checked_since(passes({5, 1}), passes({7, 3})));
    CHECK(!checked_since(passes({5, 1}), passes({7, 3, 9})));
    CHECK(checked_since(passes({5}), passes({7})));
}
