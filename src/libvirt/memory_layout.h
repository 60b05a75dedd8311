// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where a guest's RAM lies in its physical addresses, and which of it to look at. Pure; any thread.
// Private to libvirt/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"

namespace vmigrate::libvirt {

struct AddressRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  ///< one past the last
};

/// Addresses that are RAM on every machine type of `arch`, lowest first. Not all of the RAM: holes
/// for devices begin at different places. Empty for an architecture that is not known here.
std::vector<AddressRange> guest_ram(const std::string& arch, Bytes memory);

/// `count` addresses of pieces of `piece` bytes, spread evenly with some jitter; any beginning of
/// the list is, too. None when there is less RAM than one piece.
std::vector<std::uint64_t> addresses_to_read(const std::vector<AddressRange>& ram,
                                             std::uint64_t piece, unsigned count,
                                             std::uint64_t seed);

}  // namespace vmigrate::libvirt
