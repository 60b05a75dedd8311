// SPDX-License-Identifier: GPL-2.0-or-later
//
// The edge to who reads a counter of what the guest gets done, all the time while it moves. The
// real one is in probe/. Ownership: the runner borrows it. Thread rule: one thread, that of the
// runner.
#pragma once

#include <vector>

#include "orchestrator/types.h"

namespace vmigrate {

class WorkloadCounter {
  public:
    virtual ~WorkloadCounter() = default;
    /// Reads it once more and never again, and tells all that was read. Again: the same.
    virtual std::vector<WorkloadReading> end() = 0;
};

}  // namespace vmigrate
