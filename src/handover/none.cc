// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/none.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "base/text.h"

namespace vmigrate::handover {
namespace {

constexpr std::array<std::string_view, 1> kBackends = {"none"};

}  // namespace

std::span<const std::string_view> backends() {
    return kBackends;
}

Result<std::unique_ptr<NetworkHandover>> make(std::string_view backend) {
    if (backend == "none") {
        return std::make_unique<None>();
    }
    return fail(ErrorKind::config, fmt::format("unknown network back end {}; known: {}",
                                               quoted(backend), fmt::join(kBackends, ", ")));
}

}  // namespace vmigrate::handover
