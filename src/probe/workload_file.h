// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads a counter of what the guest gets done from a file, ten times a second: who knows the
// workload writes the number there. The file may be replaced at any time; what cannot be read at
// one time is at the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "orchestrator/workload_counter.h"

namespace vmigrate::probe {

/// The whole number that a text begins with, after white space. Pure.
std::optional<std::uint64_t> counter_in(std::string_view text);

/// Reads it in a thread of its own until end(), or until it is destroyed. Error (usage): it is no
/// regular file, or does not begin with a whole number.
Result<std::unique_ptr<WorkloadCounter>> start_workload(const std::string& path);

}  // namespace vmigrate::probe
