// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/tune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "orchestrator/names.h"

namespace vmigrate {
namespace {

constexpr std::array<std::string_view, 9> kTunable = {
    "bandwidth",     "downtime-limit", "blackout-ceiling",       "timeout",      "timeout-action",
    "auto-converge", "throttle-stall", "throttle-direct-within", "throttle-hold"};

constexpr NameTable<TuneFate, 3> kFates = {
    {{TuneFate::applied, "applied"}, {TuneFate::refused, "refused"}, {TuneFate::failed, "failed"}}};

/// Unknown keys are left to set_option, which knows the nearest one.
Result<void> apply(Options& options, const Setting& setting) {
    const bool known = std::ranges::any_of(
        option_keys(), [&](const OptionKey& key) { return key.key == setting.key; });
    if (known && std::ranges::find(kTunable, setting.key) == kTunable.end()) {
        return fail(ErrorKind::usage,
                    fmt::format("{} cannot be changed while the guest moves; what can: {}",
                                setting.key, fmt::join(kTunable, ", ")));
    }
    return set_option(options, setting.key, setting.value);
}

}  // namespace

std::string_view name_of(TuneFate fate) {
    return name_in(kFates, fate);
}

std::optional<TuneFate> tune_fate_named(std::string_view name) {
    return value_in(kFates, name);
}

std::span<const std::string_view> tunable_keys() {
    return kTunable;
}

Result<Setting> parse_setting(const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
        return fail(ErrorKind::usage, fmt::format("{}: write KEY=VALUE", quoted(text)));
    }
    Setting setting{text.substr(0, equals), text.substr(equals + 1)};
    Options scratch;
    if (auto fits = apply(scratch, setting); !fits) {
        return fail(std::move(fits.error()));
    }
    return setting;
}

Result<Options> tuned(const Options& now, const std::vector<Setting>& settings) {
    Options options = now;
    for (const auto& setting : settings) {
        if (auto set = apply(options, setting); !set) {
            return fail(std::move(set.error()));
        }
    }
    if (options.auto_converge != now.auto_converge && options.auto_converge != AutoSwitch::off) {
        return fail(ErrorKind::usage,
                    "auto-converge can only be turned off while the guest moves: QEMU does not "
                    "allow more");
    }
    if (auto fits = validate(options); !fits) {
        return fail(std::move(fits.error()));
    }
    return options;
}

std::string text_of(const std::vector<Setting>& settings) {
    std::vector<std::string> words;
    for (const auto& setting : settings) {
        words.push_back(fmt::format("{}={}", setting.key, setting.value));
    }
    return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace vmigrate
