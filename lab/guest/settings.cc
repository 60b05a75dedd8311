// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/settings.h"

#include <charconv>
#include <limits>
#include <optional>

namespace vmigrate::lab {
namespace {

struct Key {
    const char* name;
    std::uint64_t Settings::*member;
    std::uint64_t max;
};

constexpr std::uint64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr Key kKeys[] = {
    {"memory", &Settings::memory, kAny},
    {"dirty-rate", &Settings::dirty_rate, kAny},
    {"change", &Settings::change, 4000},
    {"hot", &Settings::hot, 100},
    {"hot-writes", &Settings::hot_writes, 100},
    {"zero", &Settings::zero, 100},
    {"random", &Settings::random, 100},
    {"damage", &Settings::damage, 1000},
    {"verify-rate", &Settings::verify_rate, kAny},
    {"disk-rate", &Settings::disk_rate, kAny},
    {"disk-block", &Settings::disk_block, 1 << 20},
    {"disk-span", &Settings::disk_span, kAny},
    {"disk-verify-rate", &Settings::disk_verify_rate, kAny},
    {"transactions", &Settings::transactions, kAny},
};

// "12", "64K", "8M", "1G", "20%", "max"
std::optional<std::uint64_t> parse_value(std::string_view text) {
    if (text == "max") {
        return kAny;
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) {
        return std::nullopt;
    }
    const std::string_view unit(end, text.data() + text.size() - end);
    int shift = 0;
    if (unit == "K") {
        shift = 10;
    } else if (unit == "M") {
        shift = 20;
    } else if (unit == "G") {
        shift = 30;
    } else if (!unit.empty() && unit != "%") {
        return std::nullopt;
    }
    if (value > (kAny >> shift)) {
        return std::nullopt;
    }
    return value << shift;
}

std::string set_one(Settings& settings, std::string_view word) {
    const auto equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    for (const Key& key : kKeys) {
        if (name != key.name) {
            continue;
        }
        const auto value =
            equals == std::string_view::npos ? std::nullopt : parse_value(word.substr(equals + 1));
        if (!value || *value > key.max) {
            return "bad value in \"" + std::string(word) + "\"";
        }
        settings.*key.member = *value;
        return "";
    }
    std::string known;
    for (const Key& key : kKeys) {
        known += std::string(known.empty() ? "" : ", ") + key.name;
    }
    return "unknown key \"" + std::string(name) + "\"; there are: " + known;
}

}  // namespace

std::string SettingsStore::apply(std::string_view words) {
    const std::lock_guard lock(mutex_);
    Settings changed = settings_;
    while (!words.empty()) {
        const auto end = words.find_first_of(" \n");
        const std::string_view word = words.substr(0, end);
        words = end == std::string_view::npos ? "" : words.substr(end + 1);
        if (word.empty()) {
            continue;
        }
        if (std::string error = set_one(changed, word); !error.empty()) {
            return error;
        }
    }
    if (changed.zero + changed.random > 100) {
        return "zero and random together are more than 100 percent";
    }
    if (changed.disk_block == 0 || changed.disk_block % 512 != 0) {
        return "disk-block must be a multiple of 512";
    }
    settings_ = changed;
    version_.fetch_add(1);
    return "";
}

Settings SettingsStore::get() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

}  // namespace vmigrate::lab
