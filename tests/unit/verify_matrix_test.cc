// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_verify
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "orchestrator/options.h"
#include "verify/matrix.h"

using namespace vmigrate;
using namespace vmigrate::verify;

namespace {

Result<Options> options_of(const Row& row) {
    Options options;
    for (const auto& [key, value] : settings_of(row)) {
        if (auto done = set_option(options, key, value); !done) {
            return fail(done.error());
        }
    }
    if (auto done = validate(options); !done) {
        return fail(done.error());
    }
    return options;
}

/// The first value of each factor, but for these.
Row row_with(const std::vector<std::pair<std::string, std::string>>& choices) {
    Row row(factors().size(), 0);
    for (const auto& [name, value] : choices) {
        const auto factor = std::ranges::find(factors(), name, &Factor::name);
        REQUIRE(factor != factors().end());
        const auto found = std::ranges::find(factor->values, value);
        REQUIRE(found != factor->values.end());
        row[static_cast<std::size_t>(factor - factors().begin())] =
            static_cast<unsigned>(found - factor->values.begin());
    }
    return row;
}

std::pair<std::string, std::string> halves(const std::string& choice) {
    const auto equals = choice.find('=');
    return {choice.substr(0, equals), choice.substr(equals + 1)};
}

}  // namespace

TEST_CASE("the array is small, and its rows differ") {
    // the two largest factors alone take 36
    CHECK(matrix().size() >= 36);
    CHECK(matrix().size() <= 50);
    std::set<std::string> texts;
    for (const auto& row : matrix()) {
        texts.insert(text_of(row));
    }
    CHECK(texts.size() == matrix().size());
}

TEST_CASE("each row is a policy that vmigrate takes, and no two rows the same one") {
    std::set<std::string> seen;
    for (const auto& row : matrix()) {
        CAPTURE(text_of(row));
        const auto options = options_of(row);
        REQUIRE_MESSAGE(options, options.error().message);
        std::string all = text_of(kind_for(row));
        for (const auto& key : option_keys()) {
            all += " " + key.get(*options);
        }
        CHECK(seen.insert(all).second);
    }
}

TEST_CASE("what is refused is refused, in these words") {
    for (const auto& refusal : refusals()) {
        CAPTURE(refusal.one);
        CAPTURE(refusal.other);
        CHECK(!allowed(row_with({halves(refusal.one), halves(refusal.other)}), exclusions()));
    }
    const auto words = [](const Row& row) {
        const auto options = options_of(row);
        return options ? "nothing" : options.error().message;
    };
    for (const auto& refusal : refusals()) {
        if (refusal.words.ends_with("exclude each other")) {
            CHECK(words(row_with({halves(refusal.one), halves(refusal.other)})) == refusal.words);
        }
    }
}

TEST_CASE("a row is what its text says") {
    const auto plain = row_with({});
    CHECK(text_of(plain) ==
          "compression=none ram-delay=off time-slice=- block-size=- storage=shared throttle=off "
          "postcopy=no backing=private disks=1");
    auto options = *options_of(plain);
    CHECK(options.compression == Compression::off);
    CHECK(options.ram_delay_save_percent == 0);
    CHECK(options.storage == StorageMode::shared);
    CHECK(options.auto_converge == AutoSwitch::off);
    CHECK(!options.postcopy);
    CHECK(options.parallel_connections == 0);

    options = *options_of(row_with({{"compression", "lz4-bypass"},
                                    {"ram-delay", "on"},
                                    {"time-slice", "10ms"},
                                    {"block-size", "64KiB"},
                                    {"storage", "in-stream"},
                                    {"throttle", "auto-converge"}}));
    CHECK(options.compression == Compression::lz4);
    CHECK(options.bypass_compression);
    CHECK(options.ram_delay_save_percent == 30);
    CHECK(options.ram_save_max_wait == milliseconds(10));
    CHECK(options.mig_block_size == kibibytes(64));
    CHECK(options.storage == StorageMode::copy_in_stream);
    CHECK(options.auto_converge == AutoSwitch::on);

    options = *options_of(row_with({{"compression", "lz4"}, {"storage", "nbd"}}));
    CHECK(!options.bypass_compression);
    CHECK(options.storage == StorageMode::copy);

    options = *options_of(row_with({{"compression", "multifd-lz4"}, {"throttle", "value"}}));
    CHECK(options.compression == Compression::lz4);
    CHECK(options.parallel_connections == 2);
    CHECK(options.auto_converge == AutoSwitch::automatic);
    options = *options_of(row_with({{"compression", "xbzrle"}, {"postcopy", "yes"}}));
    CHECK(options.timeout_action == TimeoutAction::postcopy);
    for (const auto* method : {"multifd", "multifd-zlib", "multifd-zstd"}) {
        options = *options_of(row_with({{"compression", method}}));
        CHECK(options.compression == Compression::off);
        CHECK(options.parallel_connections == 2);
    }
}

TEST_CASE("what a row asks of a guest") {
    CHECK(kind_for(row_with({})) == GuestKind{"private", "1", "shared", "none"});
    CHECK(kind_for(row_with({{"storage", "nbd"}, {"disks", "7"}, {"backing", "ksm"}})) ==
          GuestKind{"ksm", "7", "local", "none"});
    CHECK(kind_for(row_with({{"storage", "in-stream"}})).storage == "local");
    CHECK(kind_for(row_with({{"compression", "multifd-zlib"}})).multifd == "zlib");
    CHECK(kind_for(row_with({{"compression", "multifd-zstd"}})).multifd == "zstd");
    CHECK(kind_for(row_with({{"compression", "multifd-lz4"}})).multifd == "none");
    CHECK(text_of(GuestKind{"huge", "7", "local", "zstd"}) ==
          "memory huge, 7 disks on storage of each host's own, multifd-compression zstd");
}

TEST_CASE("rows are chosen by a factor's value") {
    const auto value = parse_choice("throttle=value");
    REQUIRE(value);
    CHECK(has(row_with({{"throttle", "value"}}), *value));
    CHECK(!has(row_with({{"throttle", "auto-converge"}}), *value));
    CHECK(!has(row_with({{"ram-delay", "on"}}), *value));
    for (const auto* wrong : {"", "=", "throttle", "throttle=", "throttle=on", "speed=off"}) {
        CAPTURE(wrong);
        const auto choice = parse_choice(wrong);
        REQUIRE(!choice);
        CHECK(choice.error().kind == ErrorKind::usage);
    }
}
