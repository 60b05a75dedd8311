// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is in a volume, read through libvirt's connection to its host, a part at a time: libvirt's
// client keeps what it has received and nobody has taken yet, without a limit. Holes are not sent,
// and are the same as zeros. Private to libvirt/. Thread rule: any thread. Blocks as libvirt's
// calls do. Errors: libvirt's text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "libvirt/handles.h"

namespace vmigrate::libvirt {

/// Data; what lies between two of them is zeros.
struct Extent {
    std::uint64_t begin = 0;
    std::vector<char> data;

    std::uint64_t end() const { return begin + data.size(); }
};

/// What is known of a volume: from `begin` to `end`.
struct Part {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::vector<Extent> extents;  ///< in order, none is empty
};

Result<Bytes> volume_size(virConnectPtr connection, const std::string& path);

/// At most `size` bytes from `begin`, and less when they hold much data: never nothing.
/// Error (hypervisor), too, for a volume that ends before.
Result<Part> read_part(virConnectPtr connection, const std::string& path, std::uint64_t begin,
                       std::uint64_t size);

/// The first byte that differs in what both parts know. REQUIRES: the same begin. Pure.
std::optional<std::uint64_t> first_difference(const Part& one, const Part& other);

/// How much to ask for next: the longer the holes were, the more.
class PartLength {
  public:
    std::uint64_t now() const { return length_; }
    void saw(const Part& one, const Part& other);

  private:
    static constexpr std::uint64_t kLeast = mebibytes(32).count;
    static constexpr std::uint64_t kMost = gibibytes(64).count;
    std::uint64_t length_ = kLeast;
};

}  // namespace vmigrate::libvirt
