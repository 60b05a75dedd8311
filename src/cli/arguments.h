// SPDX-License-Identifier: GPL-2.0-or-later
//
// The command line of one command: CLI11 plus what all commands share (`--config`, `--json`,
// `--help` with examples, "did you mean", one line for each error). Thread rule: main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/config.h"

namespace vmigrate::cli {

using Words = std::vector<std::string>;

/// One command of vmigrate. `run` gets the words after its name and returns the exit code.
struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(const Words& words);
};

/// All of them, in the order of the manual.
std::span<const Command> commands();

class Arguments {
  public:
    /// `examples`: one invocation on each line.
    Arguments(std::string_view command, std::string_view summary, std::string_view examples);

    CLI::App& app() { return app_; }
    const std::optional<std::string>& config_path() const { return config_path_; }
    bool json() const { return json_; }

    /// Nothing: go on. Else the exit code: help was printed, or what is wrong.
    std::optional<int> parse(const Words& words);

  private:
    int complain(const std::string& text) const;
    std::string unknown(const std::string& word, bool marked) const;

    CLI::App app_;
    std::string name_;
    std::optional<std::string> config_path_;
    bool json_ = false;
};

/// Prints "vmigrate: MESSAGE" as exactly one line on stderr.
void print_error(std::string_view message);
/// Prints the error and returns its exit code.
int complain(const Error& error);
/// Loads the configuration or prints what is wrong with it (at most ten lines).
std::optional<Config> load_or_complain(const std::optional<std::string>& path);

}  // namespace vmigrate::cli
