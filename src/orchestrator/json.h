// SPDX-License-Identifier: GPL-2.0-or-later
//
// The JSON form of our values: the names that `--json` prints, the history stores and the man
// pages list. Units are suffixes (`_ms`, `_us`, `_bytes`, `_bytes_per_s`, `_percent`); what is not
// known is null.
#pragma once

#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/plan.h"
#include "orchestrator/status.h"
#include "orchestrator/types.h"

namespace vmigrate {

using Json = nlohmann::ordered_json;

Json to_json(const Check& check);
Json to_json(const Prediction& prediction);
Json to_json(const HostFacts& host);
Json to_json(const Measures& measures);
Json to_json(const Record& record);
Json to_json(const Forecast& forecast);
Json to_json(const Progress& progress);
Json to_json(const Sample& sample);
Json to_json(const VolumeMove& volume);
Json to_json(const Plan& plan);
Result<VolumeMove> volume_from_json(const std::string& text);
/// What it takes of the call of a stored plan to resume its post-copy; nothing when it has none.
std::optional<MigrationCall> resumable_from_json(const Json& call);

/// The member of what another program or an earlier version has written: `otherwise`, where `json`
/// is no object or has none of this name and type. A negative number is none of an unsigned type.
template <class T>
T member(const Json& json, const char* name, T otherwise) {
    const auto found = json.find(name);
    if (found == json.end()) {
        return otherwise;
    }
    bool fits = false;
    if constexpr (std::same_as<T, bool>) {
        fits = found->is_boolean();
    } else if constexpr (std::unsigned_integral<T>) {
        fits = found->is_number_unsigned() ||
               (found->is_number_integer() && found->get<std::int64_t>() >= 0);
    } else {
        static_assert(std::same_as<T, std::string>);
        fits = found->is_string();
    }
    return fits ? found->get<T>() : otherwise;
}

/// One line, no newline; text that is not UTF-8 is replaced, never an exception.
std::string line(const Json& json);

}  // namespace vmigrate
