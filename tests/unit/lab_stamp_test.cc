// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: lab_verifier
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "guest/ledger.h"
#include "guest/stamp.h"

using namespace vmigrate::lab;

namespace {

constexpr std::uint64_t kMagic = 0x6567615064614f4c;
constexpr std::uint64_t kLimit = 1 << 16;

// A block of a size in sectors, its buffer, and its present entry.
struct Sample {
    explicit Sample(std::size_t sectors = 8, std::uint64_t where = 77)
        : buffer(sectors * kSectorWords), address(where) {
        for (std::size_t i = 0; i < buffer.size(); ++i) {
            buffer[i] = i * 0x9e3779b97f4a7c15;
        }
        entry = stamp(block(), {5, 1'500'000'000});
    }
    Block block() { return {buffer.data(), buffer.size(), kMagic, address}; }
    void write(std::size_t position, std::uint64_t value) {
        change(block(), position, value);
        entry = restamp(block(), {entry.sequence + 1, 2'500'000'000});
    }
    std::optional<Finding> judged() { return judge(block(), entry, kLimit); }
    Kind kind() {
        const auto finding = judged();
        REQUIRE(finding);
        return finding->kind;
    }

    std::vector<std::uint64_t> buffer;
    std::uint64_t address;
    Entry entry;
};

}  // namespace

TEST_CASE("what was written is as it was written") {
    for (const std::size_t sectors : {1, 8, 2048}) {
        Sample sample(sectors);
        CHECK_FALSE(sample.judged());
        CHECK(carries(sample.block(), sample.entry));
        sample.write(10, 99);
        CHECK_FALSE(sample.judged());
        CHECK(carries(sample.block(), sample.entry));
        CHECK(sample.entry.sequence == 6);
    }
}

TEST_CASE("a checksum that followed the changes is that of the whole block") {
    Sample sample;
    sample.write(100, 1);
    sample.write(8, 2);
    auto again = sample.buffer;
    const Block block = {again.data(), again.size(), kMagic, sample.address};
    CHECK(stamp(block, {sample.entry.sequence, 2'500'000'000}) == sample.entry);
    CHECK(again == sample.buffer);
}

TEST_CASE("any flipped bit is found, and called wrong") {
    for (const std::size_t sectors : {1, 8}) {
        Sample sample(sectors);
        for (std::size_t word = 0; word < sample.buffer.size(); ++word) {
            for (int bit = 0; bit < 64; ++bit) {
                sample.buffer[word] ^= std::uint64_t{1} << bit;
                CAPTURE(word);
                CAPTURE(bit);
                REQUIRE(sample.kind() == Kind::kWrong);
                sample.buffer[word] ^= std::uint64_t{1} << bit;
            }
        }
        CHECK_FALSE(sample.judged());
    }
}

TEST_CASE("two flipped bytes do not cancel out") {
    Sample sample;
    sample.buffer[20] += 1;
    sample.buffer[21] -= 1;
    CHECK(sample.kind() == Kind::kWrong);
    std::swap(sample.buffer[100], sample.buffer[101]);
    CHECK(sample.kind() == Kind::kWrong);
}

TEST_CASE("a block of an earlier sequence is old") {
    Sample sample;
    const auto before = sample.buffer;
    sample.write(30, 1);
    sample.buffer = before;
    CHECK_FALSE(carries(sample.block(), sample.entry));
    const auto finding = sample.judged();
    REQUIRE(finding);
    CHECK(finding->kind == Kind::kOld);
    CHECK(finding->sequence == 5);
    CHECK(finding->expected.sequence == 6);
    CHECK(describe(*finding, sample.address).find("found sequence 5 ") != std::string::npos);
    CHECK(describe(*finding, sample.address).find("written at 1.500 s") != std::string::npos);
    sample.buffer[300] ^= 1;
    CHECK(sample.kind() == Kind::kWrong);  // broken on top of it
}

TEST_CASE("a block that never arrived is old, too") {
    Sample sample;
    std::fill(sample.buffer.begin(), sample.buffer.end(), 0);
    const auto finding = sample.judged();
    REQUIRE(finding);
    CHECK(finding->kind == Kind::kOld);
    CHECK(describe(*finding, sample.address).find("found zeroes") != std::string::npos);
}

TEST_CASE("a block of another place is told from an old one") {
    Sample sample;
    sample.buffer = Sample(8, 78).buffer;
    const auto finding = sample.judged();
    REQUIRE(finding);
    CHECK(finding->kind == Kind::kOtherAddress);
    CHECK(finding->address == 78);
    CHECK(describe(*finding, 77).find("found address 78 sequence 5") != std::string::npos);
}

TEST_CASE("a block of two sequences is torn, wherever it is cut") {
    for (const std::size_t sectors : {1, 8}) {
        Sample sample(sectors);
        const auto before = sample.buffer;
        sample.write(30, 1);
        const auto after = sample.buffer;
        // A cut behind the last mark, or before the first, is no cut
        for (std::size_t cut = kMarkWord + 1; cut < before.size(); ++cut) {
            CAPTURE(cut);
            sample.buffer = after;
            std::copy(before.begin() + static_cast<std::ptrdiff_t>(cut), before.end(),
                      sample.buffer.begin() + static_cast<std::ptrdiff_t>(cut));
            REQUIRE(sample.kind() == Kind::kTorn);
            CHECK(sample.judged()->sector == cut / kSectorWords);
            CHECK(sample.judged()->sequence == 5);
            sample.buffer = before;
            std::copy(after.begin() + static_cast<std::ptrdiff_t>(cut), after.end(),
                      sample.buffer.begin() + static_cast<std::ptrdiff_t>(cut));
            REQUIRE(sample.kind() == Kind::kTorn);
        }
    }
}

TEST_CASE("parts of another block, and parts that never arrived, make a torn one") {
    Sample sample;
    const auto other = Sample(8, 78).buffer;
    std::copy(other.begin() + 128, other.begin() + 192, sample.buffer.begin() + 128);
    CHECK(sample.kind() == Kind::kTorn);
    CHECK(sample.judged()->address == 78);
    CHECK(sample.judged()->sector == 2);

    Sample holed;
    std::fill(holed.buffer.begin() + 256, holed.buffer.end(), 0);
    CHECK(holed.kind() == Kind::kTorn);
    CHECK(holed.judged()->sequence == 0);
    CHECK(holed.judged()->sector == 4);
}

TEST_CASE("a block of another disk is not this one's") {
    Sample sample;
    stamp({sample.buffer.data(), sample.buffer.size(), kMagic + 1, sample.address}, {5, 0});
    CHECK(sample.kind() == Kind::kWrong);
}

TEST_CASE("a block newer than its ledger accuses the ledger") {
    Sample sample;
    const Entry before = sample.entry;
    sample.write(30, 1);
    sample.entry = before;
    CHECK(sample.kind() == Kind::kLedger);
}

TEST_CASE("zeroes must be zeroes") {
    Sample sample;
    const Entry zeroes = {6, Content::kZeroes};
    CHECK(judge(sample.block(), zeroes, kLimit)->kind == Kind::kOld);  // the zeroing was lost
    CHECK(
        describe(*judge(sample.block(), zeroes, kLimit), 77).starts_with("expected zeroes since"));
    std::fill(sample.buffer.begin(), sample.buffer.begin() + 256, 0);
    CHECK(judge(sample.block(), zeroes, kLimit)->kind == Kind::kTorn);
    CHECK(judge(sample.block(), zeroes, kLimit)->sector == 4);
    std::fill(sample.buffer.begin(), sample.buffer.end(), 0);
    CHECK_FALSE(judge(sample.block(), zeroes, kLimit));
    sample.buffer[200] = 1;
    CHECK(judge(sample.block(), zeroes, kLimit)->kind == Kind::kWrong);
    CHECK_FALSE(judge(sample.block(), {6, Content::kAnything}, kLimit));
}

TEST_CASE("the ledger keeps entries, and knows when one of its copies is not the other") {
    Ledger ledger(100, 3);
    CHECK(ledger.get(0) == Entry{.sequence = 3});
    const Entry entry = {9, Content::kStamp, 1234};
    ledger.set(40, entry);
    CHECK(ledger.get(40) == entry);
    CHECK(ledger.get(59) == Entry{.sequence = 3});  // whose copy is beside it

    const auto copy = Ledger::copy(40, entry);
    CHECK(Ledger::agreed(40, copy, copy) == entry);
    CHECK_FALSE(Ledger::agreed(41, copy, copy));
    // An old page of memory under one of them, a broken one under both
    CHECK_FALSE(Ledger::agreed(40, copy, Ledger::copy(40, {8, Content::kStamp, 1234})));
    CHECK_FALSE(Ledger::agreed(40, Ledger::copy(40, {8, Content::kStamp, 1234}), copy));
    for (const Entry& other : {Entry{8, Content::kStamp, 1234}, Entry{9, Content::kZeroes, 1234},
                               Entry{9, Content::kStamp, 1235}}) {
        CHECK_FALSE(Ledger::agreed(40, {other, copy.guard}, {other, copy.guard}));
    }
}

TEST_CASE("blocks that are held do not stand in each other's way") {
    Ledger ledger(1000, 0);
    for (const std::size_t count : {1, 5, 63, 64, 65, 500}) {
        const Ledger::Hold hold(ledger, 60, count);  // twice the same one would never return
    }
    const Ledger::Hold same(ledger, {7, 7});
    const Ledger::Hold others(ledger, {8, 8 + 64});
}
