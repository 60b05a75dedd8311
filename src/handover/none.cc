// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/none.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace vmigrate::handover {
namespace {

constexpr std::array<std::string_view, 4> kBackends = {"none", "bridge", "exec", "ovs"};

}  // namespace

std::span<const std::string_view> backends() {
    return kBackends;
}

Result<void> check(std::string_view backend) {
    if (std::ranges::find(kBackends, backend) != kBackends.end()) {
        return {};
    }
    return fail(ErrorKind::config, fmt::format("unknown network back end {}; known: {}",
                                               quoted(backend), fmt::join(kBackends, ", ")));
}

}  // namespace vmigrate::handover
