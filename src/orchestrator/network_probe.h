// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to who asks a guest all the time whether it is there, while it moves. The real one is
// in probe/. Ownership: the runner borrows it. Thread rule: one thread, that of the runner.
#pragma once

#include <vector>

#include "orchestrator/types.h"

namespace vmigrate {

class NetworkProbe {
  public:
    virtual ~NetworkProbe() = default;
    /// Asks no more, waits a moment for what is on its way, and tells what came back. Again: the
    /// same.
    virtual ProbeCounts end() = 0;
    /// After end(): the same by the time at which it was asked.
    virtual std::vector<ProbeSlice> slices() = 0;
};

}  // namespace vmigrate
