// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/memory_layout.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace vmigrate::libvirt {
namespace {

/// The numbers below `count`, each once, the first so many of them spread evenly whatever their
/// number: as steps of the golden section around a circle are.
std::vector<std::uint64_t> spread(std::uint64_t count) {
    constexpr double kGoldenSection = 0.6180339887;
    const auto place = [](std::size_t turn) {
        return std::fmod(static_cast<double>(turn) * kGoldenSection, 1.0);
    };
    std::vector<std::size_t> turns(count);
    std::iota(turns.begin(), turns.end(), 0U);
    std::ranges::sort(turns, {}, place);
    std::vector<std::uint64_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers[turns[i]] = i;
    }
    return numbers;
}

}  // namespace

std::vector<AddressRange> guest_ram(const std::string& arch, Bytes memory) {
    const auto size = memory.count;
    if (arch == "x86_64" || arch == "i686") {
        const std::uint64_t first = mebibytes(1).count;  // below are VGA and ROMs
        // the hole below 4 GiB begins at 2, 2.75, 3 or 3.5 GiB; no more than 3.5 lies below it
        if (size <= first) {
            return {};
        }
        if (size <= gibibytes(2).count) {
            return {{first, size}};
        }
        std::vector<AddressRange> ram{{first, gibibytes(2).count}};
        if (size > mebibytes(3584).count) {
            ram.push_back({gibibytes(4).count, gibibytes(4).count + size - mebibytes(3584).count});
        }
        return ram;
    }
    if (arch == "aarch64") {  // machine type virt
        return {{gibibytes(1).count, gibibytes(1).count + size}};
    }
    if (arch == "ppc64" || arch == "ppc64le" || arch == "s390x") {
        return {{0, size}};
    }
    return {};
}

std::vector<std::uint64_t> addresses_to_read(const std::vector<AddressRange>& ram,
                                             std::uint64_t piece, unsigned count,
                                             std::uint64_t seed) {
    std::vector<std::uint64_t> pieces_before;
    std::uint64_t pieces = 0;
    for (const auto& range : ram) {
        pieces_before.push_back(pieces);
        pieces += (range.end - range.begin) / piece;
    }
    const auto wanted = std::min<std::uint64_t>(count, pieces);
    std::mt19937_64 random(seed);
    const auto start = random();
    std::vector<std::uint64_t> addresses;
    for (const auto number : spread(wanted)) {
        const auto i = (start % wanted + number) % wanted;
        const std::uint64_t from = pieces * i / wanted;
        const std::uint64_t to = pieces * (i + 1) / wanted;  // from < to, since wanted <= pieces
        const auto chosen = std::uniform_int_distribution<std::uint64_t>(from, to - 1)(random);
        const auto after = std::ranges::upper_bound(pieces_before, chosen);
        const auto range = static_cast<std::size_t>(after - pieces_before.begin()) - 1;
        addresses.push_back(ram[range].begin + (chosen - pieces_before[range]) * piece);
    }
    return addresses;
}

}  // namespace vmigrate::libvirt
