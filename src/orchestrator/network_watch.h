// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the readings of a running migration say about the network: whether it carries much less than
// it did, and whether it carries nothing at all. Pure: no I/O, no clock (`at` is in the sample).
#pragma once

#include <deque>
#include <optional>

#include "orchestrator/types.h"

namespace vmigrate {

/// Compares the last readings with those of the last minute: what lasts longer than that is no drop
/// any more, the network is just slow.
class BandwidthWatch {
  public:
    void saw(const Sample& sample);
    /// The last readings are less than half of what was usual.
    bool dropped() const;
    /// Of the last minute; 0 = nothing seen yet.
    BytesPerSecond usual() const;
    BytesPerSecond lately() const;
    /// Somebody changed the limit: earlier readings say nothing any more.
    void forget() { readings_.clear(); }

  private:
    struct Reading {
        TimePoint at;
        BytesPerSecond bandwidth;
    };
    std::deque<Reading> readings_;
};

/// Notices that a post-copy stands still: a connection that went away without a word is missed by
/// TCP only after many minutes.
class PostcopyWatch {
  public:
    /// True when nothing has come through for a while; then again only after as long.
    bool stuck(const Sample& sample);

  private:
    std::optional<Bytes> remaining_;
    TimePoint since_{};
};

}  // namespace vmigrate
