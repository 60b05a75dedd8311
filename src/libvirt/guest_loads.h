// SPDX-License-Identifier: GPL-2.0-or-later
//
// What all guests of a host take and do, measured side by side in one window: for planning the
// moves of many. Nothing is touched. Thread rule and errors: as Session.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libvirt/session.h"
#include "libvirt/survey.h"
#include "orchestrator/facts.h"

namespace vmigrate::libvirt {

/// One guest that has a process on the host.
struct GuestLoad {
    GuestRef ref;
    Bytes memory;  ///< that it has now
    /// Of it, what it has ever used: the rest is zero. Nothing where libvirt does not tell.
    std::optional<Bytes> used;
    std::optional<double> busy_cpus;  ///< on average over the window
    MemoryFacts measured;             ///< dirty rate; and what was read of those asked for
};

/// Whose memory is to be looked into.
using Sampled = std::function<bool(const std::string& uuid)>;

/// All guests of the host that run or are paused. With a `window` of zero nothing is measured and
/// the answer comes at once; else it is in whole seconds, and takes longer when the memory of many
/// is looked into. Empty `sampled`: of none.
Result<std::vector<GuestLoad>> measure_guests(Session& session, seconds window,
                                              const Sampled& sampled = {});

struct HostLook {
    Bytes memory_free;
    unsigned cpus = 0;
    std::optional<CpuTimes> cpu_times;
    std::vector<GuestLoad> guests;  ///< as measure_guests, not measured
};
/// A look at a host and its guests that ends in time. Error (unreachable): it did not answer within
/// `patience`; then the session is of no use any more.
Result<HostLook> look_at_host(const std::shared_ptr<Session>& session, milliseconds patience);

/// Asks the guest to shut down, as its power button would. Returns at once.
Result<void> ask_to_shut_down(Session& session, const std::string& uuid);

}  // namespace vmigrate::libvirt
