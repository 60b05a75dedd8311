// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/bridge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <thread>

namespace vmigrate::handover {
namespace {

constexpr milliseconds kBetweenLooks{20};

}  // namespace

Result<void> Bridge::wait_for_packets() {
    auto silent = macs_;
    const auto until = std::chrono::steady_clock::now() + patience_;
    for (;;) {
        std::optional<Error> problem;
        std::erase_if(silent, [&](const std::string& mac) {
            const auto sent = announcer_->packets_sent(mac);
            if (!sent) {
                problem = sent.error();
            }
            return sent && *sent > 0;
        });
        if (silent.empty()) {
            return {};
        }
        if (std::chrono::steady_clock::now() >= until) {
            return problem ? fail(*problem)
                           : fail(ErrorKind::network,
                                  fmt::format("{} did not announce itself at the destination; "
                                              "switches may send to the source until it sends",
                                              fmt::join(silent, ", ")));
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

Result<void> Bridge::commit() {
    if (auto heard = wait_for_packets(); heard || heard.error().kind != ErrorKind::network) {
        return heard;
    }
    if (auto asked = announcer_->announce(); !asked) {
        return asked;
    }
    return wait_for_packets();
}

}  // namespace vmigrate::handover
