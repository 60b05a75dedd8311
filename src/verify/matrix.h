// SPDX-License-Identifier: GPL-2.0-or-later
//
// The combinations of features that `vmigrate verify --matrix` goes through: the factors, what
// excludes what and who says so, and what a row of the covering array is for a migration and asks
// of a guest. Pure; any thread.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "verify/covering.h"

namespace vmigrate::verify {

/// In the order of their values below; the names are those of --list, of the state file and of
/// vmigrate-verify(1).
const std::vector<Factor>& factors();

/// Why two things do not go together, in the words of who refuses them.
struct Refusal {
    std::string one;    ///< "postcopy=yes"; of QEMU: names of capabilities
    std::string other;  ///< "storage=in-stream"
    std::string by;     ///< "vmigrate" or "QEMU"
    std::string words;
};

/// Pairs of values that the array leaves out.
const std::vector<Refusal>& refusals();

/// Capabilities that QEMU refuses together: that is why `compression` is one factor. A refusal of
/// `one` and `other` set by migrate-set-capabilities has exactly these words.
const std::vector<Refusal>& refusals_of_qemu();

/// The exclusions that `refusals` mean.
std::vector<Exclusion> exclusions();

/// The covering array; always the same.
const std::vector<Row>& matrix();

/// "compression=lz4 ram-delay=on ...": what a row is known by, whatever its number.
std::string text_of(const Row& row);

/// Of "throttle=value", the words of --list. Error (usage): no such factor, or no such value.
Result<Choice> parse_choice(std::string_view text);

bool has(const Row& row, const Choice& choice);

/// A key of a policy and its value.
using KeyValue = std::pair<std::string, std::string>;

/// What the policy of a migration has for this row.
std::vector<KeyValue> settings_of(const Row& row);

/// What a row asks of a guest, as it was started.
struct GuestKind {
    std::string backing;  ///< "private", "shared", "huge" or "ksm"
    std::string disks;    ///< "1" or "7"
    std::string storage;  ///< "shared" or "local"
    /// Its QEMU's multifd-compression, on every host: "none", "zlib" or "zstd".
    std::string multifd;
    friend auto operator<=>(const GuestKind&, const GuestKind&) = default;
};

GuestKind kind_for(const Row& row);

/// "memory private, 7 disks on storage of their own, multifd-compression zlib"
std::string text_of(const GuestKind& kind);

}  // namespace vmigrate::verify
