// SPDX-License-Identifier: GPL-2.0-or-later
//
// The back ends of NetworkHandover by name, and the one that needs no network: where guests are
// plugged into bridges that learn addresses, QEMU's own announcement moves the traffic.
#pragma once

#include <span>
#include <string_view>

#include "orchestrator/handover.h"

namespace vmigrate::handover {

/// Does nothing, successfully. Thread rule: any thread.
class None final : public NetworkHandover {
  public:
    std::string_view backend() const override { return "none"; }
    Result<void> lock() override { return {}; }
    Result<void> begin() override { return {}; }
    Result<void> redirect() override { return {}; }
    Result<void> commit() override { return {}; }
    Result<void> drain() override { return {}; }
    Result<void> rollback() override { return {}; }
};

/// The back ends that there are.
std::span<const std::string_view> backends();

/// Error (config): unknown name; the message lists the known ones.
Result<void> check(std::string_view backend);

}  // namespace vmigrate::handover
