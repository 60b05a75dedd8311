// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_fleet
// LABELS: unit
#include <doctest/doctest.h>

#include <random>

#include "fleet/fair_shares.h"
#include "fleet/schedule.h"
#include "fleet_fixture.h"

using namespace vmigrate;
using namespace vmigrate::fleet;
using namespace vmigrate::fleet::test;

namespace {

std::vector<std::uint64_t> counts(const std::vector<BytesPerSecond>& rates) {
    std::vector<std::uint64_t> result;
    for (const auto rate : rates) {
        result.push_back(rate.count);
    }
    return result;
}

using Counts = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("shares: a link is divided, and what one cannot use the others get") {
    // 0 sends to 1 and 2; 3 sends to 2, whose link is slow
    const std::vector<BytesPerSecond> links{{900}, {900}, {400}, {900}};
    CHECK(counts(fair_shares({{0, 1}, {0, 2}, {3, 2}}, links, {})) == Counts{700, 200, 200});
}

TEST_CASE("shares: the budget is for all, and no link is asked for more than it has") {
    const std::vector<BytesPerSecond> links{{900}, {900}, {100}};
    CHECK(counts(fair_shares({{0, 1}, {0, 2}}, links, {600})) == Counts{500, 100});
    CHECK(counts(fair_shares({{0, 1}, {1, 0}}, links, {600})) == Counts{300, 300});
}

TEST_CASE("shares: whose weight is double gets twice as much, of what everybody can use") {
    const std::vector<BytesPerSecond> links{{900}, {900}, {100}};
    CHECK(counts(fair_shares({{0, 1, 2}, {1, 0}}, links, {600})) == Counts{400, 200});
    CHECK(counts(fair_shares({{0, 1, 2}, {0, 1}, {0, 1}}, links, {})) == Counts{450, 225, 225});
    CHECK(counts(fair_shares({{0, 2, 2}, {0, 1}}, links, {600})) == Counts{100, 500});
}

TEST_CASE("shares: without any limit there is none") {
    CHECK(counts(fair_shares({{0, 1}}, {{0}, {0}}, {})) == Counts{0});
    CHECK(fair_shares({}, {}, {100}).empty());
}

TEST_CASE("shares: random ones are within every limit, and nobody could get more") {
    std::mt19937 random(5);
    for (int round = 0; round < 300; ++round) {
        const std::size_t hosts = 2 + random() % 6;
        std::vector<BytesPerSecond> links;
        for (std::size_t i = 0; i < hosts; ++i) {
            links.push_back({1'000 + random() % 100'000});
        }
        std::vector<Stream> streams(random() % 12);
        for (auto& stream : streams) {
            stream = {random() % hosts, random() % hosts, static_cast<double>(1 + random() % 3)};
        }
        const BytesPerSecond total{random() % 2 == 0 ? 0 : 1'000 + random() % 200'000};
        const auto shares = fair_shares(streams, links, total);
        std::vector<std::uint64_t> out(hosts);
        std::vector<std::uint64_t> in(hosts);
        std::uint64_t all = 0;
        for (std::size_t i = 0; i < streams.size(); ++i) {
            out[streams[i].from] += shares[i].count;
            in[streams[i].to] += shares[i].count;
            all += shares[i].count;
        }
        const auto is_full = [](std::uint64_t used, BytesPerSecond limit) {
            return used + 20 >= limit.count;
        };
        for (std::size_t i = 0; i < streams.size(); ++i) {
            const auto [from, to, weight] = streams[i];
            CHECK(out[from] <= links[from].count);
            CHECK(in[to] <= links[to].count);
            CHECK((is_full(out[from], links[from]) || is_full(in[to], links[to]) ||
                   (total.count > 0 && is_full(all, total))));
        }
        CHECK((total.count == 0 || all <= total.count));
    }
}

TEST_CASE("whose turn it is") {
    auto small = guest("small", "h1", 1);
    auto large = guest("large", "h1", 8);
    small.load.dirty_rate = {30'000'000};
    large.priority = 3;
    const auto first = [&](Order order) {
        const auto a = turn_of(small, order, milliseconds(10'000));
        const auto b = turn_of(large, order, milliseconds(70'000));
        return a < b ? "small" : "large";
    };
    CHECK(first(Order::small_first) == std::string("small"));
    CHECK(first(Order::idle_first) == std::string("large"));
    CHECK(first(Order::priority) == std::string("large"));
    large.priority = 0;
    CHECK(first(Order::priority) == std::string("small"));
}

TEST_CASE("among idle guests the shorter move comes first, whatever little they write") {
    auto a = guest("a", "h1", 1);
    auto b = guest("b", "h1", 8);
    a.load.dirty_rate = {900'000};
    b.load.dirty_rate = {1'000};
    CHECK(turn_of(a, Order::idle_first, milliseconds(1)) <
          turn_of(b, Order::idle_first, milliseconds(8)));
}

TEST_CASE("the bound: links, limits, budget and the longest move") {
    const Load second{{125'000'000}, {}, milliseconds(500)};
    auto source = host("h1", 64, 0);
    source.most_in = 0;
    const std::vector<Host> hosts{source, host("h2", 64, 64), host("h3", 64, 64)};
    const std::vector<Transfer> ten(10, Transfer{0, {}, second});
    CHECK(bound_of(ten, hosts, {}, 10).links == milliseconds(10'000));
    CHECK(bound_of(ten, hosts, {}, 10).limits == milliseconds(15'000));  // one out at a time
    CHECK(bound_of(ten, hosts, {12'500'000}, 10).links == milliseconds(100'000));
    const std::vector<Transfer> home(10, Transfer{0, 2, second});
    auto two_out = hosts;
    two_out[0].most_out = 4;
    two_out[2].most_in = 1;
    CHECK(bound_of(home, two_out, {}, 10).limits == milliseconds(15'000));
    CHECK(bound_of(ten, two_out, {}, 10).limits == milliseconds(5'000));
    CHECK(bound_of({{0, {}, {gibibytes(10), {}, {}}}}, two_out, {}, 10).limits >
          milliseconds(85'000));
    CHECK(bound_of({}, hosts, {}, 1).total() == milliseconds(0));
}
