// SPDX-License-Identifier: GPL-2.0-or-later
#include "verify/matrix.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"

namespace vmigrate::verify {
namespace {

/// A choice that has no meaning in this row.
constexpr const char* kNone = "-";
constexpr const char* kNotInStream = "no disk is copied in the stream";

const std::string& value_of(const Row& row, std::string_view factor) {
    const auto found = std::ranges::find(factors(), factor, &Factor::name);
    const auto index = static_cast<std::size_t>(found - factors().begin());
    return found->values[row[index]];
}

/// "factor=value"
Choice choice_of(std::string_view text) {
    const auto equals = text.find('=');
    const auto factor = std::ranges::find(factors(), text.substr(0, equals), &Factor::name);
    const auto value = std::ranges::find(factor->values, text.substr(equals + 1));
    return {static_cast<unsigned>(factor - factors().begin()),
            static_cast<unsigned>(value - factor->values.begin())};
}

std::vector<KeyValue> compression_of(const std::string& value) {
    if (value == "none") {
        return {{"compression", "off"}};
    }
    if (value == "mt" || value == "xbzrle") {
        return {{"compression", value}};
    }
    if (value == "lz4" || value == "lz4-bypass") {
        return {{"compression", "lz4"}, {"bypass-compression", value == "lz4" ? "no" : "yes"}};
    }
    // zlib and zstd are what the guest's QEMU does by itself with parallel connections
    return {{"parallel-connections", "2"}, {"compression", value == "multifd-lz4" ? "lz4" : "off"}};
}

std::vector<KeyValue> storage_of(const std::string& value) {
    return {{"storage", value == "shared" ? "shared" : value == "nbd" ? "copy" : "copy-in-stream"}};
}

/// Each iteration but a perfect one is taken for one that does not converge, and little fits into
/// what the guest may stand still.
std::vector<KeyValue> throttle_of(const std::string& value) {
    if (value == "value") {
        return {{"auto-converge", "auto"},
                {"throttle-stall", "100"},
                {"downtime-limit", "50ms"},
                {"blackout-ceiling", "250ms"}};
    }
    return {{"auto-converge", value == "auto-converge" ? "on" : "off"}};
}

std::vector<KeyValue> postcopy_of(const std::string& value) {
    if (value == "no") {
        return {};
    }
    return {{"postcopy", "yes"}, {"timeout-action", "postcopy"}, {"timeout", "3s"}};
}

std::vector<Refusal> make_refusals() {
    std::vector<Refusal> all = {{"compression=mt", "postcopy=yes", "vmigrate",
                                 "postcopy and compression mt exclude each other"},
                                {"storage=in-stream", "postcopy=yes", "vmigrate",
                                 "storage copy-in-stream and postcopy exclude each other"}};
    for (const auto* method : {"multifd", "multifd-zlib", "multifd-zstd", "multifd-lz4"}) {
        all.push_back({fmt::format("compression={}", method), "postcopy=yes", "vmigrate",
                       "postcopy and parallel-connections exclude each other"});
    }
    for (const auto* factor : {"time-slice", "block-size"}) {
        const auto& values = std::ranges::find(factors(), factor, &Factor::name)->values;
        for (const auto& value : values) {
            const auto choice = fmt::format("{}={}", factor, value);
            if (value == kNone) {
                all.push_back({choice, "storage=in-stream", "vmigrate", "there always is one"});
                continue;
            }
            all.push_back({choice, "storage=shared", "vmigrate", kNotInStream});
            all.push_back({choice, "storage=nbd", "vmigrate", kNotInStream});
        }
    }
    return all;
}

}  // namespace

const std::vector<Factor>& factors() {
    static const std::vector<Factor> all = {
        {"compression",
         {"none", "mt", "xbzrle", "lz4", "lz4-bypass", "multifd", "multifd-zlib", "multifd-zstd",
          "multifd-lz4"}},
        {"ram-delay", {"off", "on"}},
        {"time-slice", {kNone, "0ms", "10ms", "100ms"}},
        {"block-size", {kNone, "4KiB", "64KiB", "1MiB"}},
        {"storage", {"shared", "in-stream", "nbd"}},
        {"throttle", {"off", "value", "auto-converge"}},
        {"postcopy", {"no", "yes"}},
        {"backing", {"private", "shared", "huge", "ksm"}},
        {"disks", {"1", "7"}},
    };
    return all;
}

const std::vector<Refusal>& refusals() {
    static const auto all = make_refusals();
    return all;
}

const std::vector<Refusal>& refusals_of_qemu() {
    static const std::vector<Refusal> all = {
        {"multifd", "compress", "QEMU", "Multifd is not compatible with compress"},
        {"lz4", "compress", "QEMU", "Lz4 is not compatible with compress"},
        {"lz4", "multifd", "QEMU", "Lz4 is not compatible with multifd"}};
    return all;
}

std::vector<Exclusion> exclusions() {
    std::vector<Exclusion> all;
    for (const auto& refusal : refusals()) {
        all.push_back({choice_of(refusal.one), choice_of(refusal.other)});
    }
    return all;
}

const std::vector<Row>& matrix() {
    static const auto rows = covering_array(factors(), exclusions());
    return rows;
}

std::string text_of(const Row& row) {
    std::vector<std::string> words;
    for (const auto& factor : factors()) {
        words.push_back(fmt::format("{}={}", factor.name, value_of(row, factor.name)));
    }
    return fmt::format("{}", fmt::join(words, " "));
}

Result<Choice> parse_choice(std::string_view text) {
    const auto equals = std::min(text.find('='), text.size());
    const auto factor = std::ranges::find(factors(), text.substr(0, equals), &Factor::name);
    if (factor == factors().end() || equals == text.size()) {
        std::vector<std::string> names;
        std::ranges::transform(factors(), std::back_inserter(names), &Factor::name);
        return fail(ErrorKind::usage, fmt::format("{}: expected FACTOR=VALUE, with one of {}",
                                                  quoted(text), fmt::join(names, ", ")));
    }
    if (!std::ranges::count(factor->values, text.substr(equals + 1))) {
        return fail(ErrorKind::usage, fmt::format("{}: {} is one of {}", quoted(text), factor->name,
                                                  fmt::join(factor->values, ", ")));
    }
    return choice_of(text);
}

bool has(const Row& row, const Choice& choice) {
    return row[choice.factor] == choice.value;
}

std::vector<KeyValue> settings_of(const Row& row) {
    std::vector<KeyValue> settings;
    const auto add = [&](std::vector<KeyValue> more) {
        settings.insert(settings.end(), more.begin(), more.end());
    };
    add(compression_of(value_of(row, "compression")));
    add({{"ram-delay-save-percent", value_of(row, "ram-delay") == "on" ? "30" : "0"}});
    if (const auto& slice = value_of(row, "time-slice"); slice != kNone) {
        add({{"ram-save-max-wait", slice}});
    }
    if (const auto& size = value_of(row, "block-size"); size != kNone) {
        add({{"mig-block-size", size}});
    }
    add(storage_of(value_of(row, "storage")));
    add(throttle_of(value_of(row, "throttle")));
    add(postcopy_of(value_of(row, "postcopy")));
    return settings;
}

GuestKind kind_for(const Row& row) {
    const auto& compression = value_of(row, "compression");
    return {value_of(row, "backing"), value_of(row, "disks"),
            value_of(row, "storage") == "shared" ? "shared" : "local",
            compression == "multifd-zlib"   ? "zlib"
            : compression == "multifd-zstd" ? "zstd"
                                            : "none"};
}

std::string text_of(const GuestKind& kind) {
    return fmt::format("memory {}, {} on {}, multifd-compression {}", kind.backing,
                       kind.disks == "1" ? "1 disk" : kind.disks + " disks",
                       kind.storage == "shared" ? "shared storage" : "storage of each host's own",
                       kind.multifd);
}

}  // namespace vmigrate::verify
