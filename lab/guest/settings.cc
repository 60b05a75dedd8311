// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/settings.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

namespace vmigrate::lab {
namespace {

struct Number {
    const char* name;
    std::uint64_t Settings::*member;
    std::uint64_t max;
};

constexpr std::uint64_t kAny = std::numeric_limits<std::int64_t>::max();
constexpr Number kNumbers[] = {
    {"memory", &Settings::memory, kAny},
    {"dirty-rate", &Settings::dirty_rate, kAny},
    {"change", &Settings::change, 4000},
    {"hot", &Settings::hot, 100},
    {"hot-writes", &Settings::hot_writes, 100},
    {"clear", &Settings::clear, 100},
    {"zero", &Settings::zero, 100},
    {"random", &Settings::random, 100},
    {"verify-rate", &Settings::verify_rate, kAny},
    {"disk-rate", &Settings::disk_rate, kAny},
    {"disk-block", &Settings::disk_block, 1 << 20},
    {"disk-span", &Settings::disk_span, kAny},
    {"disk-fill", &Settings::disk_fill, 1},
    {"disk-zero", &Settings::disk_zero, 100},
    {"disk-trim", &Settings::disk_trim, 100},
    {"disk-verify-rate", &Settings::disk_verify_rate, kAny},
    {"read-back", &Settings::read_back, 100},
    {"restart", &Settings::restart, kAny},
    {"transactions", &Settings::transactions, kAny},
    {"report", &Settings::report, 3600},
};

struct Choice {
    const char* name;
    std::span<const char* const> values;
    void (*set)(Settings&, std::size_t value);
};

constexpr Choice kChoices[] = {
    {"pattern", kPatternNames, [](Settings& s, std::size_t v) { s.pattern = Pattern(v); }},
    {"disk-pattern", kPatternNames,
     [](Settings& s, std::size_t v) { s.disk_pattern = Pattern(v); }},
    {"damage", kDamageNames, [](Settings& s, std::size_t v) { s.damage[v] += 1; }},
    {"disk-damage", kDamageNames, [](Settings& s, std::size_t v) { s.disk_damage[v] += 1; }},
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

// False: there is no such value.
bool set_number(Settings& settings, const Number& key, std::string_view text) {
    const auto value = parse_value(text);
    if (!value || *value > key.max) {
        return false;
    }
    settings.*key.member = *value;
    return true;
}

bool set_choice(Settings& settings, const Choice& key, std::string_view text) {
    const auto value = std::ranges::find(key.values, text);
    if (value == key.values.end()) {
        return false;
    }
    key.set(settings, static_cast<std::size_t>(value - key.values.begin()));
    return true;
}

std::string set_one(Settings& settings, std::string_view word) {
    const auto equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
    const std::string bad = "bad value in \"" + std::string(word) + "\"";
    std::string known;
    for (const Number& key : kNumbers) {
        if (name == key.name) {
            return set_number(settings, key, value) ? "" : bad;
        }
        known += std::string(known.empty() ? "" : ", ") + key.name;
    }
    for (const Choice& key : kChoices) {
        if (name == key.name) {
            std::string values;
            for (const char* one : key.values) {
                values += std::string(values.empty() ? "" : ", ") + one;
            }
            return set_choice(settings, key, value) ? "" : bad + "; there are: " + values;
        }
        known += std::string(", ") + key.name;
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
    if (!std::has_single_bit(changed.disk_block) || changed.disk_block < 512) {
        return "disk-block must be a power of two, 512 or more";
    }
    if (changed.disk_zero + changed.disk_trim > 100) {
        return "disk-zero and disk-trim together are more than 100 percent";
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
