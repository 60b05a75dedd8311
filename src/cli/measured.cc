// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/measured.h"

#include <fmt/format.h>

namespace vmigrate::cli {
namespace {

/// The shortest window of libvirt's.
constexpr milliseconds kUsualWindow{1'000};

struct Refused {
    std::string what;
};

/// Nothing where it is not there, or null.
std::optional<double> number(const Json& json, const std::string& name, double most) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) {
        return std::nullopt;
    }
    const double value = found->is_number() ? found->get<double>() : -1.0;
    if (!(value >= 0 && value <= most)) {
        throw Refused{most == 1 ? fmt::format("{} is a number from 0 to 1", name)
                                : fmt::format("{} is a number, 0 or more", name)};
    }
    return value;
}

Measured read(const Json& json) {
    constexpr double kMany = 1e15;
    Measured measured;
    auto& memory = measured.memory;
    if (const auto rate = number(json, "dirty_bytes_per_s", kMany)) {
        memory.dirty_rate = BytesPerSecond{static_cast<std::uint64_t>(*rate)};
        memory.dirty_method = "page-sampling before";
        const auto window = number(json, "dirty_window_ms", 1e9);
        memory.dirty_window =
            window ? milliseconds(static_cast<std::int64_t>(*window)) : kUsualWindow;
    }
    memory.pages_sampled =
        static_cast<std::uint32_t>(number(json, "pages_sampled", 4e9).value_or(0));
    if (memory.pages_sampled > 0) {
        memory.zero_share = number(json, "zero_share", 1).value_or(0);
        memory.compressed_share = number(json, "compressed_share", 1).value_or(1);
    }
    if (const auto idle = json.find("idle_cpus"); idle != json.end() && idle->is_object()) {
        for (const auto& [host, unused] : idle->items()) {
            if (const auto cpus = number(*idle, host, 1e6)) {
                measured.idle_cpus[host] = *cpus;
            }
        }
    }
    return measured;
}

}  // namespace

Result<Measured> measured_from_json(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object()) {
        return fail(ErrorKind::usage,
                    "write the members of 'vmigrate plan --json' that are known, "
                    "as in {\"dirty_bytes_per_s\": 1048576}");
    }
    try {
        return read(json);
    } catch (const Refused& refused) {
        return fail(ErrorKind::usage, refused.what);
    }
}

Json to_json(const Measured& measured) {
    const auto& memory = measured.memory;
    Json json = {{"pages_sampled", memory.pages_sampled},
                 {"zero_share", memory.zero_share},
                 {"compressed_share", memory.compressed_share},
                 {"idle_cpus", measured.idle_cpus}};
    if (memory.dirty_rate) {
        json["dirty_bytes_per_s"] = memory.dirty_rate->count;
        json["dirty_window_ms"] = memory.dirty_window.count();
    }
    return json;
}

}  // namespace vmigrate::cli
