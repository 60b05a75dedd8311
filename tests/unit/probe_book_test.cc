// LINK: vmigrate_probe
// LABELS: unit
// SPDX-License-Identifier: GPL-2.0-or-later
#include <doctest/doctest.h>

#include "probe/echo_book.h"

using namespace vmigrate;
using namespace vmigrate::probe;

namespace {

TimePoint at(int ms) {
    return TimePoint() + milliseconds(ms);
}

EchoBook book_of(int questions) {
    EchoBook book;
    for (int n = 0; n < questions; ++n) {
        book.sent(at(n));
    }
    return book;
}

}  // namespace

TEST_CASE("answers in order: nothing is lost, and the longest silence is between two of them") {
    auto book = book_of(3);
    CHECK_FALSE(book.last_is_answered());
    book.answered(0, at(10));
    book.answered(1, at(12));
    book.answered(2, at(45));
    CHECK(book.last_is_answered());
    const auto counts = book.counts(at(1000));  // nobody was asked since
    CHECK(counts.sent == 3);
    CHECK(counts.lost == 0);
    CHECK(counts.duplicated == 0);
    CHECK(counts.reordered == 0);
    CHECK(counts.longest_gap == milliseconds(33));
}

TEST_CASE("what is never answered is lost, and a silence that lasts is one") {
    auto book = book_of(5);
    book.answered(0, at(1));
    book.answered(3, at(4));
    const auto counts = book.counts(at(504));
    CHECK(counts.lost == 3);
    CHECK(counts.reordered == 0);
    CHECK(counts.longest_gap == milliseconds(500));
}

TEST_CASE("when the last question was answered, nobody was silent afterwards, whatever was lost") {
    auto book = book_of(3);
    book.answered(0, at(1));
    book.answered(2, at(70));
    const auto counts = book.counts(at(504));
    CHECK(counts.lost == 1);
    CHECK(counts.longest_gap == milliseconds(69));
}

TEST_CASE("an answer that comes again is a duplicate, however late, and no second arrival") {
    auto book = book_of(3);
    book.answered(0, at(1));
    book.answered(2, at(2));
    for (int n = 0; n < 300; ++n) {
        book.answered(0, at(3));
    }
    const auto counts = book.counts(at(3));
    CHECK(counts.duplicated == 300);
    CHECK(counts.reordered == 0);
    CHECK(counts.lost == 1);
}

TEST_CASE("an answer after one to a later question is reordered") {
    auto book = book_of(4);
    for (const int number : {0, 3, 1, 2}) {
        book.answered(number, at(number));
    }
    const auto counts = book.counts(at(4));
    CHECK(counts.reordered == 2);
    CHECK(counts.duplicated == 0);
    CHECK(counts.lost == 0);
}

TEST_CASE("without any answer all is lost, and there is no silence between two") {
    auto book = book_of(2);
    const auto counts = book.counts(at(100));
    CHECK(counts.lost == 2);
    CHECK(counts.longest_gap == microseconds(0));
}

TEST_CASE("a number that was never sent is none of ours") {
    auto book = book_of(1);
    book.answered(1, at(1));
    CHECK(book.counts(at(1)).lost == 1);
    CHECK_FALSE(book.last_is_answered());
}

TEST_CASE("a loss is in the piece of time in which it was asked, not in that of a late answer") {
    EchoBook book;
    for (int n = 0; n < 250; ++n) {
        book.sent(at(n));
        if (n < 90 || n >= 120) {
            book.answered(n, at(n + 1));
        }
    }
    book.answered(95, at(249));
    const auto slices = book.slices(at(260));
    REQUIRE(slices.size() == 3);
    CHECK(slices[0].at == at(0));
    CHECK(slices[0].length == milliseconds(100));
    CHECK(slices[0].sent == 100);
    CHECK(slices[0].lost == 9);
    CHECK(slices[1].at == at(100));
    CHECK(slices[1].lost == 20);
    CHECK(slices[2].sent == 50);
    CHECK(slices[2].lost == 0);
    CHECK(slices[2].length == milliseconds(60));
    CHECK(EchoBook().slices(at(0)).empty());
}

TEST_CASE("hours have no more pieces than minutes, and none of what was lost is forgotten") {
    EchoBook book;
    std::uint64_t lost = 0;
    constexpr int kQuestions = 400'000;
    for (int n = 0; n < kQuestions; ++n) {
        const auto number = book.sent(at(n * 20));
        if (n % 7 == 0) {
            ++lost;
        } else {
            book.answered(number, at(n * 20 + 1));
        }
    }
    const auto slices = book.slices(at(kQuestions * 20));
    CHECK(slices.size() <= 1000);
    CHECK(slices.size() > 400);
    ProbeSlice sum;
    auto next = slices.front().at;
    for (const auto& slice : slices) {
        CHECK(slice.at == next);
        next = slice.at + slice.length;
        sum.sent += slice.sent;
        sum.lost += slice.lost;
    }
    CHECK(next == at(kQuestions * 20));
    CHECK(sum.sent == kQuestions);
    CHECK(sum.lost == lost);
    for (const auto& slice : slices) {
        CHECK(slice.length <= slices.front().length);
    }
    CHECK(slices[1].length == slices.front().length);  // all but the last are alike
}
