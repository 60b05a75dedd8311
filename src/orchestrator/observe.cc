// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/observe.h"

namespace vmigrate {
namespace {

tl::unexpected<Error> only_observed() {
    return fail(ErrorKind::blocked, "observe-only");
}

}  // namespace

Result<void> ObservedHypervisor::set_downtime_limit(milliseconds limit) {
    return limit <= first_limit_ ? real_.set_downtime_limit(limit) : only_observed();
}

// Nothing is what keeps QEMU's own auto-converge from going on by itself.
Result<void> ObservedHypervisor::set_throttle(ThrottleMeans means, unsigned percent) {
    return percent == 0 ? real_.set_throttle(means, percent) : only_observed();
}

Result<void> ObservedHypervisor::set_memory_turn(milliseconds /*turn*/) {
    return only_observed();
}

Result<void> ObservedHypervisor::set_delay(unsigned /*percent*/) {
    return only_observed();
}

Result<void> ObservedHypervisor::limit_writes(const std::string& /*target*/,
                                              BytesPerSecond /*limit*/) {
    return only_observed();
}

Result<void> ObservedHypervisor::start_postcopy() {
    return only_observed();
}

}  // namespace vmigrate
