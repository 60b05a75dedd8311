// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/findings.h"

#include <cstdio>

namespace vmigrate::lab {
namespace {

constexpr std::size_t kKept = 64;

}  // namespace

void Findings::add(const std::string& text) {
    std::printf("BUG %s\n", text.c_str());
    const std::lock_guard lock(mutex_);
    if (kept_.size() < kKept) {
        kept_.push_back(text);
    }
}

std::optional<std::string> Findings::turn(std::uint64_t sequence) const {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || kept_.empty()) {
        return std::nullopt;
    }
    return kept_[sequence % kept_.size()];
}

}  // namespace vmigrate::lab
