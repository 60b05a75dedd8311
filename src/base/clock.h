// SPDX-License-Identifier: GPL-2.0-or-later
//
// The two clocks as an edge, so that tests own time. Thread rule: any thread.
#pragma once

#include "base/units.h"

namespace vmigrate {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual TimePoint now() const = 0;
    virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
  public:
    TimePoint now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace vmigrate
