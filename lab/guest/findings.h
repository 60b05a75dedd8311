// SPDX-License-Identifier: GPL-2.0-or-later
// What the verifiers found: printed on the console, and kept for the heartbeat.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace vmigrate::lab {

// Thread-safe.
class Findings {
  public:
    // Prints "BUG TEXT". A load stops after one, so there are few; the first 64 are kept.
    void add(const std::string& text);

    // The text that a heartbeat of this sequence carries: all that are kept have their turn, so
    // that a lost packet loses none. Nothing when there is none, or one is just being added.
    std::optional<std::string> turn(std::uint64_t sequence) const;

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> kept_;
};

}  // namespace vmigrate::lab
