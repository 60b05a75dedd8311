// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
//
// The example configuration, its man page and the completion know the keys that the program knows,
// and no others.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "cli/config.h"
#include "orchestrator/tune.h"
#include "source_dir.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

using Names = std::set<std::string>;

std::string source(const char* path) {
    const auto root = test::source_dir();
    std::ifstream file(root / path);
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The first group of `pattern` in each line of `text`.
Names found(const std::string& text, const char* pattern) {
    Names names;
    std::istringstream lines(text);
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
        if (std::regex_search(line, match, std::regex(pattern))) {
            names.insert(match[1]);
        }
    }
    return names;
}

Names policy_keys() {
    Names names;
    for (const auto& key : option_keys()) {
        names.emplace(key.key);
    }
    return names;
}

Names all_keys() {
    auto names = policy_keys();
    for (const auto& [section, keys] : config_keys()) {
        names.insert(keys.begin(), keys.end());
    }
    return names;
}

}  // namespace

TEST_CASE("the example configuration has every key, with its default") {
    const auto text = source("conf/vmigrate.toml");
    CHECK(found(text, "^# ([a-z0-9-]+) = ") == all_keys());

    // Each "# key = value" and "# [table]" as if it were set.
    const auto set = std::regex_replace(
        text, std::regex("(^|\n)# (?=([a-z0-9-]+ = |\\[(hosts|peers|policy|groups)\\.))"), "$1");
    const auto config = parse_config(set, "vmigrate.toml");
    if (!config) {
        for (const auto& error : config.error()) {
            MESSAGE(error);
        }
    }
    REQUIRE(config);
    REQUIRE(config->hosts.size() == 1);
    CHECK(config->hosts[0].name == "host1");
    const Config defaults;
    CHECK(config->history_path == defaults.history_path);
    CHECK(config->network.backend == defaults.network.backend);
    CHECK(config->clear_text == defaults.clear_text);
    CHECK(config->fleet.limits_of("host1") == MoveLimits{});
    CHECK(config->fleet.evacuation == defaults.fleet.evacuation);
    REQUIRE(config->policies.count("evening") == 1);
    for (const auto& key : option_keys()) {
        CAPTURE(key.key);
        CHECK(key.get(config->policies.at("default")) == key.get(Options{}));
    }
}

TEST_CASE("the example configuration is valid as it is") {
    const auto config = parse_config(source("conf/vmigrate.toml"), "vmigrate.toml");
    REQUIRE(config);
    CHECK(config->hosts.empty());
}

TEST_CASE("vmigrate.toml(5) has every key and no other") {
    auto page = source("man/vmigrate.toml.5");
    CHECK(found(page, "^\\.It Cm ([a-z0-9-]+) = ") == all_keys());
    std::replace(page.begin(), page.end(), '\n', ' ');
    for (const auto& key : option_keys()) {
        CAPTURE(key.key);
        CHECK(page.find(key.summary) != std::string::npos);
        CHECK(page.find(key.cost) != std::string::npos);
    }
}

namespace {

/// The keys that a function of the completion prints.
Names printed_by(const char* function) {
    const auto script = source("conf/completion/vmigrate.bash");
    const auto begin = script.find(function);
    REQUIRE(begin != std::string::npos);
    const auto end = script.find('}', begin);
    REQUIRE(end != std::string::npos);
    std::string words = script.substr(begin, end - begin);
    words = words.substr(words.find("'%s=\\n'") + 7);
    std::istringstream stream(words);
    Names names{std::istream_iterator<std::string>(stream), {}};
    names.erase("\\");
    return names;
}

}  // namespace

TEST_CASE("the completion has every key of a policy and no other") {
    CHECK(printed_by("_vmigrate_keys()") == policy_keys());
}

TEST_CASE("what can be tuned is the same in program, completion and manual") {
    Names keys;
    const auto page = source("man/vmigrate.1");
    const auto begin = page.find(".Ss vmigrate tune");
    const auto section = page.substr(begin, page.find(".Ss vmigrate abort") - begin);
    for (const auto key : tunable_keys()) {
        keys.emplace(key);
        CAPTURE(key);
        CHECK(section.find(key) != std::string::npos);
    }
    CHECK(printed_by("_vmigrate_tunable()") == keys);
}
