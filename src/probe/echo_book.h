// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which of numbered questions were answered, how often, in which order, and with how much silence
// between. Pure: no I/O, no clock. One byte per question. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "orchestrator/types.h"

namespace vmigrate::probe {

class EchoBook {
  public:
    /// The number of the next question, which has been sent.
    std::uint64_t sent(TimePoint at);
    /// A number that was not sent is none of ours.
    void answered(std::uint64_t number, TimePoint at);
    bool last_is_answered() const { return next_ == times_.size(); }
    /// A silence that lasted until the last question was sent, and longer, is one until then.
    ProbeCounts counts(TimePoint last_sent) const;
    /// The same by when it was asked: at most about a thousand pieces, each longer the longer all
    /// of it took.
    std::vector<ProbeSlice> slices(TimePoint last_sent) const;

  private:
    struct Slice {
        TimePoint begin;
        std::uint64_t first;  ///< number of the question that began it
    };

    std::vector<Slice> slices_;
    milliseconds slice_length_{100};
    std::vector<std::uint8_t> times_;  ///< how often each was answered; 255: at least
    std::uint64_t distinct_ = 0;
    std::uint64_t duplicated_ = 0;
    std::uint64_t reordered_ = 0;
    std::uint64_t next_ = 0;  ///< above all that were answered
    std::optional<TimePoint> last_;
    microseconds longest_{};
};

}  // namespace vmigrate::probe
