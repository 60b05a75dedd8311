// SPDX-License-Identifier: GPL-2.0-or-later
//
// The back end "bridge": for guests on bridges that learn where an address is from what it sends.
// QEMU and the guest announce themselves when they go on; here it is seen to that every card has
// sent something, else QEMU is asked to announce it again.
//
// Ownership: owns the announcer. Thread rule: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "orchestrator/announcer.h"
#include "orchestrator/handover.h"

namespace vmigrate::handover {

class Bridge final : public NetworkHandover {
  public:
    /// `patience`: for each of the two announcements.
    Bridge(std::vector<std::string> macs, std::unique_ptr<Announcer> announcer,
           milliseconds patience = seconds(1))
        : macs_(std::move(macs)), announcer_(std::move(announcer)), patience_(patience) {}

    std::string_view backend() const override { return "bridge"; }
    Result<void> lock() override { return {}; }
    Result<void> begin() override { return {}; }
    Result<void> redirect() override { return {}; }
    /// Error (network): the cards that have sent nothing.
    Result<void> commit() override;
    Result<void> drain() override { return {}; }
    Result<void> rollback() override { return {}; }

  private:
    Result<void> wait_for_packets();

    const std::vector<std::string> macs_;
    const std::unique_ptr<Announcer> announcer_;
    const milliseconds patience_;
};

}  // namespace vmigrate::handover
