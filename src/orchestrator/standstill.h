// SPDX-License-Identifier: GPL-2.0-or-later
//
// While a migration is waited for: does anything of it still move, and who owes an answer? libvirt
// says "there is a job" for as long as it waits itself, also for a QEMU that hangs. Pure.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "orchestrator/types.h"

namespace vmigrate {

class Standstill {
  public:
    /// A reading, or nothing when none could be had. True when something has moved since the last.
    bool moved(const std::optional<Sample>& sample);
    /// Whether the QEMU of that side owes its daemon an answer at this look.
    void saw(Side side, bool owes, TimePoint now);
    /// "QEMU on the destination has not answered libvirt for 12.0 s": who has owed one at each look
    /// for too long. Empty when nobody does.
    std::string silent(TimePoint now) const;

  private:
    std::optional<Sample> last_;
    std::array<std::optional<TimePoint>, 2> owing_since_;
};

}  // namespace vmigrate
