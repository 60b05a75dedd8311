// SPDX-License-Identifier: GPL-2.0-or-later
//
// What "auto" in a policy comes to: for this guest, between these hosts, over this link. An
// expert's rules with the figures that they rest on; whatever is not known decides for leaving it
// alone, because nobody may be slower than without vmigrate for the sake of it. What somebody set
// is taken as it is. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/plan.h"

namespace vmigrate {

struct Chosen {
    Options options;                 ///< without any "auto" of this header
    std::vector<std::string> notes;  ///< each choice in one sentence, with its figures
};

/// Compression and its acceleration, parallel connections, block size of disks in the stream,
/// downtime limit, share of the memory that is sent late. `options.asked` stays as it is.
Chosen choose_options(const Request& request, const GuestFacts& guest, const HostFacts& source,
                      const DestinationFacts& destination, const MemoryFacts& memory,
                      const BandwidthChoice& bandwidth);

}  // namespace vmigrate
