// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_libvirt
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "libvirt/memory_layout.h"

using namespace vmigrate;
using namespace vmigrate::libvirt;

namespace {

constexpr std::uint64_t kPiece = 65536;

bool within(const std::vector<AddressRange>& ram, std::uint64_t address) {
    return std::ranges::any_of(ram, [address](const AddressRange& range) {
        return range.begin <= address && address + kPiece <= range.end;
    });
}

}  // namespace

TEST_CASE("RAM of a PC spares the first MiB and every hole below 4 GiB") {
    const auto small = guest_ram("x86_64", mebibytes(256));
    REQUIRE(small.size() == 1);
    CHECK(small[0].begin == mebibytes(1).count);
    CHECK(small[0].end == mebibytes(256).count);
    const auto large = guest_ram("x86_64", gibibytes(8));
    REQUIRE(large.size() == 2);
    CHECK(large[0].end == gibibytes(2).count);
    CHECK(large[1].begin == gibibytes(4).count);
    CHECK(large[1].end == gibibytes(4).count + mebibytes(8192 - 3584).count);
    CHECK(guest_ram("x86_64", gibibytes(3)).size() == 1);
}

TEST_CASE("other architectures") {
    CHECK(guest_ram("aarch64", gibibytes(2))[0].begin == gibibytes(1).count);
    CHECK(guest_ram("s390x", gibibytes(2))[0].end == gibibytes(2).count);
    CHECK(guest_ram("vax", gibibytes(2)).empty());
    CHECK(guest_ram("x86_64", Bytes{0}).empty());
}

TEST_CASE("addresses are different pieces inside the RAM, from everywhere in it") {
    const auto ram = guest_ram("x86_64", gibibytes(8));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto addresses = addresses_to_read(ram, kPiece, 48, seed);
        CHECK(addresses.size() == 48);
        CHECK(std::set(addresses.begin(), addresses.end()).size() == 48);
        CHECK(std::ranges::all_of(addresses, [&](auto address) { return within(ram, address); }));
        // two thirds of this RAM lie above the hole
        const auto above = std::ranges::count_if(
            addresses, [](auto address) { return address >= gibibytes(4).count; });
        CHECK(above > 28);
        CHECK(above < 38);
    }
}

TEST_CASE("whenever it ends, what was read is from everywhere") {
    const std::vector<AddressRange> ram{{0, 4'800 * kPiece}};
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto addresses = addresses_to_read(ram, kPiece, 48, seed);
        for (const std::ptrdiff_t many : {4, 8, 12, 18, 30}) {
            std::vector<std::uint64_t> first(addresses.begin(), addresses.begin() + many);
            std::ranges::sort(first);
            const auto even = 4'800 * kPiece / static_cast<std::uint64_t>(many);
            for (std::size_t i = 0; i < first.size(); ++i) {
                const auto next =
                    first[(i + 1) % first.size()] + (i + 1 < first.size() ? 0 : ram[0].end);
                CHECK(next - first[i] < 2.2 * static_cast<double>(even));
            }
        }
    }
}

TEST_CASE("no more pieces than there are") {
    CHECK(addresses_to_read({{0, kPiece}}, kPiece, 48, 1).size() == 1);
    CHECK(addresses_to_read({{0, 3 * kPiece}}, kPiece, 48, 1).size() == 3);
    CHECK(addresses_to_read({{0, kPiece - 1}}, kPiece, 48, 1).empty());
    CHECK(addresses_to_read({}, kPiece, 48, 1).empty());
}
