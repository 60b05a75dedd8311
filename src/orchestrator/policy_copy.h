// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether the copy of disks that libvirt makes before memory flows comes to an end. It may take as
// long as disks are large, so its length says nothing: it is given up when what remains has not got
// less for the whole timeout, be it that the guest writes as fast as is copied, or that nothing
// gets through. Pure: no I/O, no clock (`now` is in the sample).
#pragma once

#include <optional>

#include "orchestrator/options.h"
#include "orchestrator/policy_live.h"

namespace vmigrate {

class CopyPolicy {
  public:
    explicit CopyPolicy(milliseconds timeout) : timeout_(timeout) {}

    /// At a look before memory flows: GiveUp or KeepGoing. A sample without disks that are copied
    /// begins anew.
    Decision at_tick(const Sample& sample);
    /// Another timeout, from now on; 0 = none.
    void change(milliseconds timeout) { timeout_ = timeout; }

  private:
    struct Least {
        Bytes remaining;
        TimePoint at;  ///< when that was first seen
    };

    milliseconds timeout_;
    std::optional<Least> least_;
};

}  // namespace vmigrate
