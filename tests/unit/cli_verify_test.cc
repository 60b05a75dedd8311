// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/verify_list.h"
#include "cli/verify_tour.h"
#include "temporary_folder.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

/// A file name of its own, gone afterwards.
struct StateFile {
    TemporaryFolder folder;

    std::string path() const { return folder.file("state"); }
    VerifyBook open() const { return *VerifyBook::open(path()); }
    std::string text() const {
        std::ifstream file(path());
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& text) const { std::ofstream(path()) << text; }
};

Json line(unsigned row, std::uint64_t bytes) {
    return {{"event", "round"},
            {"combination", verify::text_of(verify::matrix()[row])},
            {"verified_bytes", bytes}};
}

Plan plan_of(std::size_t disks) {
    Plan plan;
    plan.guest.disks.resize(disks);
    return plan;
}

}  // namespace

TEST_CASE("what is done of the matrix is still known to the next process") {
    const StateFile file;
    {
        auto book = file.open();
        CHECK(!std::filesystem::exists(file.path()));
        REQUIRE(book.add(line(0, 1000)));
        REQUIRE(book.add(line(0, 200)));
        REQUIRE(book.add(line(3, 30)));
        CHECK(book.done(verify::matrix()[0]) == 2);
    }
    const auto book = file.open();
    CHECK(book.done(verify::matrix()[0]) == 2);
    CHECK(book.done(verify::matrix()[1]) == 0);
    CHECK(book.done(verify::matrix()[3]) == 1);
    CHECK(book.migrations() == 3);
    CHECK(book.verified() == Bytes{1230});
    CHECK(!VerifyBook::open(std::nullopt)->done(verify::matrix()[0]));
}

TEST_CASE("a line that a process died in is done again, and is no end of the file") {
    const StateFile file;
    const auto whole = line(1, 5).dump();
    for (std::size_t size = 1; size <= whole.size(); ++size) {
        CAPTURE(size);
        file.write(line(0, 7).dump() + "\n" + whole.substr(0, size));
        auto book = file.open();
        const unsigned before = book.done(verify::matrix()[1]);
        CHECK(before == (size == whole.size() ? 1 : 0));
        REQUIRE(book.add(line(2, 9)));
        REQUIRE(book.add(line(2, 9)));
        const auto again = file.open();
        CHECK(again.done(verify::matrix()[0]) == 1);
        CHECK(again.done(verify::matrix()[1]) == before);
        CHECK(again.done(verify::matrix()[2]) == 2);
        CHECK(again.migrations() == 3 + before);
    }
}

TEST_CASE("another file is not written to") {
    const StateFile file;
    for (const std::string text : {"something\n", "{\"a\": 1}\n", "something",
                                   "{\"combination\": 1, \"verified_bytes\": 2}\n", "\n"}) {
        CAPTURE(text);
        file.write(text);
        const auto book = VerifyBook::open(file.path());
        REQUIRE(!book);
        CHECK(book.error().kind == ErrorKind::usage);
        CHECK(file.text() == text);
    }
    CHECK(VerifyBook::open("/").error().kind == ErrorKind::storage);
    auto nowhere = VerifyBook::open("/nowhere/at/all");
    REQUIRE(nowhere);
    CHECK(nowhere->add(line(0, 1)).error().kind == ErrorKind::storage);
}

TEST_CASE("what is left, by the guests that it takes") {
    auto book = *VerifyBook::open(std::nullopt);
    unsigned rows = 0;
    for (const auto& text : left_over(book, 2)) {
        rows += static_cast<unsigned>(std::atoi(text.c_str()));
    }
    CHECK(rows == verify::matrix().size());
    for (unsigned row = 0; row < verify::matrix().size(); ++row) {
        REQUIRE(book.add(line(row, 1)));
    }
    CHECK(left_over(book, 2).size() == left_over(*VerifyBook::open(std::nullopt), 1).size());
    CHECK(left_over(book, 1).empty());
}

TEST_CASE("what a guest is follows from its plan") {
    auto plan = plan_of(1);
    CHECK(kind_of(plan) == verify::GuestKind{"private", "1", "shared", "none"});
    plan.source.merges_pages = true;
    CHECK(kind_of(plan).backing == "ksm");
    plan.guest.mergeable = false;
    CHECK(kind_of(plan).backing == "private");
    plan.guest.backing = MemoryBacking::shared;
    CHECK(kind_of(plan).backing == "shared");
    plan.guest.backing = MemoryBacking::huge_pages;
    CHECK(kind_of(plan).backing == "huge");
    plan.call.volumes.resize(1);
    CHECK(kind_of(plan).storage == "local");
    plan.guest.qemu.emplace();
    CHECK(kind_of(plan).multifd == "none");
    plan.guest.qemu->parameters["multifd-compression"] = "\"zstd\"";
    CHECK(kind_of(plan).multifd == "zstd");

    CHECK(kind_of(plan_of(2)).disks == "2");
    CHECK(kind_of(plan_of(7)).disks == "7");
    CHECK(kind_of(plan_of(9)).disks == "7");
    auto with_others = plan_of(3);
    with_others.guest.disks[0].removable = true;
    with_others.guest.disks[1].read_only = true;
    CHECK(kind_of(with_others).disks == "1");
}

TEST_CASE("a round tells what happened to the guest") {
    Round round{"a", "b", {}, {}, Bytes{1U << 20U}, false, false};
    round.record.outcome = Outcome::moved;
    CHECK(round.moved());
    CHECK(round.intact());
    CHECK(text_of(round) == "a -> b: moved; 1.0 MiB verified, 0 mismatches");
    round.postcopy = true;
    CHECK(text_of(round) == "a -> b: moved by post-copy; 1.0 MiB verified, 0 mismatches");
    CHECK(to_json(round)["postcopy"] == true);
    round.postcopy = false;
    round.record.outcome = Outcome::failed_on_source;
    round.record.reason = "QEMU says no";
    round.heard.status.errors = 1;
    round.heard.bugs = {"old: memory page 5"};
    CHECK(!round.moved());
    CHECK(!round.intact());
    CHECK(text_of(round) == "a -> b: not moved: QEMU says no; 1.0 MiB verified, 1 mismatches");
    const auto json = to_json(round);
    CHECK(json["outcome"] == "failed-on-source");
    CHECK(json["mismatches"] == 1);
    CHECK(json["bugs"] == Json({"old: memory page 5"}));
    CHECK(json["verified_bytes"] == 1U << 20U);
    round.heard = {};
    round.restarted = true;
    CHECK(!round.intact());
}
