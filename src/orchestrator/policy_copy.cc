// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_copy.h"

#include <fmt/format.h>

namespace vmigrate {

Decision CopyPolicy::at_tick(const Sample& sample) {
    const auto remaining = sample.disk_remaining;
    if (remaining.count == 0) {
        least_.reset();
        return KeepGoing{};
    }
    if (!least_ || remaining < least_->remaining) {
        least_ = Least{remaining, sample.at};
    }
    if (timeout_.count() == 0 || sample.at - least_->at < timeout_) {
        return KeepGoing{};
    }
    return GiveUp{fmt::format(
        "the copy of the disks came no nearer to its end within the timeout of {}, and {} remain; "
        "limit what the guest writes (io-qos), raise bandwidth or timeout",
        format_time(timeout_), format_bytes(remaining))};
}

}  // namespace vmigrate
