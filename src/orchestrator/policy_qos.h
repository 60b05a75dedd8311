// SPDX-License-Identifier: GPL-2.0-or-later
//
// The I/O QoS policy: limits what the guest may write to a disk while its copy does not converge.
// Judged per iteration, one that is not clearly less dirty than the last one makes the limit
// smaller. An iteration of disks in the stream is QEMU's own; one of a mirror is a window that ends
// when as much has been copied as remained at its begin. The limit begins below what the guest was
// measured to write, never goes under the floor and never up again: it ends with the migration.
// Pure: no I/O, no clock (`at` is in the sample).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/options.h"
#include "orchestrator/types.h"

namespace vmigrate {

struct QosDecision {
    enum class Kind {
        limit,     ///< limit writes to `limit`, which is less than before
        exhausted  ///< they are at the floor, and the copy does not converge; once per disk
    };
    Kind kind = Kind::limit;
    std::string target;
    BytesPerSecond limit;
    std::string reason;
};

class QosPolicy {
  public:
    explicit QosPolicy(const Options& options) : options_(options) {}

    /// At any time while disks are copied, and on until the guest stops: what it writes still has
    /// to be sent. `downtime_limit` is the one in force. A sample without disks decides nothing.
    std::vector<QosDecision> at_tick(const Sample& sample, milliseconds downtime_limit);
    /// The limit that was decided last for `target` is not in force.
    void not_set(const std::string& target);

  private:
    /// What an iteration began with.
    struct Window {
        TimePoint begin{};
        Bytes dirty;
        Bytes copied;                          ///< of a mirror
        std::uint64_t iterations = 0;          ///< of disks in the stream
        std::map<std::string, Bytes> written;  ///< by the guest, per disk
    };
    /// What an iteration came to.
    struct Iteration {
        Bytes left;         ///< dirty at its end
        Bytes sent;         ///< 0 = not known
        bool fits = false;  ///< what is left can be sent while the guest stands still
        std::string whose;  ///< "the copy of vda"
    };
    struct Held {
        std::optional<BytesPerSecond> limit;
        std::optional<BytesPerSecond> before;  ///< the limit before that
        bool exhausted = false;
    };

    std::vector<QosDecision> stream(const Sample& sample, milliseconds downtime_limit);
    std::vector<QosDecision> mirror(const Sample& sample, const DiskCopy& disk,
                                    milliseconds downtime_limit);
    std::vector<QosDecision> judge(const Window& window, TimePoint now, const Iteration& iteration,
                                   const std::vector<DiskCopy>& disks);
    std::optional<QosDecision> step(const DiskCopy& disk, BytesPerSecond rate, double factor,
                                    const std::string& why);

    Options options_;
    std::optional<Window> stream_;
    std::map<std::string, Window> mirrors_;          ///< by target
    std::map<std::string, BytesPerSecond> fastest_;  ///< mirror's iteration, by target
    std::map<std::string, Held> held_;               ///< by target
};

}  // namespace vmigrate
