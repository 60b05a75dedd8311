// SPDX-License-Identifier: GPL-2.0-or-later
#include "libvirt/memory_layout.h"

#include <algorithm>
#include <random>

namespace vmigrate::libvirt {

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
    std::vector<std::uint64_t> addresses;
    for (std::uint64_t i = 0; i < wanted; ++i) {
        const std::uint64_t from = pieces * i / wanted;
        const std::uint64_t to = pieces * (i + 1) / wanted;  // from < to, since wanted <= pieces
        const auto chosen = std::uniform_int_distribution<std::uint64_t>(from, to - 1)(random);
        const auto after = std::ranges::upper_bound(pieces_before, chosen);
        const auto range = static_cast<std::size_t>(after - pieces_before.begin()) - 1;
        addresses.push_back(ram[range].begin + (chosen - pieces_before[range]) * piece);
    }
    std::ranges::shuffle(addresses, random);
    return addresses;
}

}  // namespace vmigrate::libvirt
