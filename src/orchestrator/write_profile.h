// SPDX-License-Identifier: GPL-2.0-or-later
//
// How a guest writes its memory: which part of it how often. What it dirties in a time does not
// grow with the time for ever, since a page that is written twice is dirty once: of pages that are
// written `r` times per second at random the share 1 - exp(-r t) is dirty after a time t. Pure; any
// thread.
#pragma once

#include <vector>

#include "orchestrator/facts.h"

namespace vmigrate {

/// A part of the memory in which all pages are written equally often.
struct MemoryPart {
    double bytes = 0;
    double writes_per_s = 0;  ///< of one page
};

struct WriteProfile {
    /// Together the memory that is not zero; what is written most first.
    std::vector<MemoryPart> parts;
    bool split = false;  ///< two parts were found that are written differently

    /// Bytes that are dirty after a time of the guest at full speed, when nothing was before.
    double dirtied(double time_s) const;
    /// Share of all writes that go to the first part.
    double first_share_of_writes() const;
    double bytes() const;
};

/// From the pieces that were read twice, and brought into line with the measured dirty rate.
/// Without pieces all memory that is not zero is taken for one part; without a dirty rate either
/// nothing is written.
WriteProfile profile_of(const MemoryFacts& facts, Bytes memory);

}  // namespace vmigrate
