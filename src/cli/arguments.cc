// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/arguments.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"
#include "cli/exit_code.h"

namespace vmigrate::cli {
namespace {

std::string footer(std::string_view examples) {
    std::string text = "Examples:\n";
    while (!examples.empty()) {
        const auto end = examples.find('\n');
        text += fmt::format("  {}\n", examples.substr(0, end));
        examples.remove_prefix(end == std::string_view::npos ? examples.size() : end + 1);
    }
    text.pop_back();
    return text;
}

}  // namespace

Arguments::Arguments(std::string_view command, std::string_view summary, std::string_view examples)
    : app_(std::string(summary), fmt::format("vmigrate {}", command)), name_(command) {
    app_.footer(footer(examples));
    app_.set_help_flag("-h,--help", "Print this and exit");
    app_.add_option("--config", config_path_,
                    "Configuration; default $VMIGRATE_CONFIG or /etc/vmigrate/vmigrate.toml")
        ->type_name("FILE");
    app_.add_flag("--json", json_, "Print JSON, one object on each line");
}

std::optional<int> Arguments::parse(const Words& words) {
    try {
        app_.parse(Words(words.rbegin(), words.rend()));
        return std::nullopt;
    } catch (const CLI::CallForHelp&) {
        fmt::print("{}", app_.help());
        return kExitDone;
    } catch (const CLI::ExtrasError&) {
        // What follows a "--" is no option, whatever it looks like.
        auto extras = app_.remaining();
        const bool marked = !extras.empty() && extras.front() == "--";
        std::erase(extras, "--");
        return complain(extras.empty() ? "too many arguments" : unknown(extras.front(), marked));
    } catch (const CLI::ParseError& error) {
        return complain(error.what());
    }
}

std::string Arguments::unknown(const std::string& word, bool marked) const {
    if (marked || !word.starts_with('-') || word.size() < 2) {
        return fmt::format("too many arguments: {}", quoted(word));
    }
    const auto name = word.substr(0, word.find('='));
    Words known;
    for (const auto* option : app_.get_options()) {
        for (const auto& long_name : option->get_lnames()) {
            known.push_back("--" + long_name);
        }
    }
    const auto near = nearest(name, known);
    return near ? fmt::format("unknown option {}; did you mean '{}'?", quoted(name), *near)
                : fmt::format("unknown option {} (a guest of that name goes after --)",
                              quoted(name));
}

int Arguments::complain(const std::string& text) const {
    print_error(fmt::format("{}: {}; see vmigrate {} --help", name_, text, name_));
    return kExitUsage;
}

void print_error(std::string_view message) {
    std::string text(message);
    for (char& c : text) {
        // Whatever a daemon or a file name carries must stay one line and leave the terminal alone.
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            c = ' ';
        }
    }
    fmt::print(stderr, "vmigrate: {}\n", text);
}

int complain(const Error& error) {
    print_error(error.message);
    return exit_code(error);
}

std::optional<Config> load_or_complain(const std::optional<std::string>& path) {
    auto config = load_config(path);
    if (config) {
        return std::move(*config);
    }
    constexpr std::size_t kMost = 10;
    const auto& errors = config.error();
    for (std::size_t i = 0; i < errors.size() && i < kMost; ++i) {
        print_error(errors[i]);
    }
    if (errors.size() > kMost) {
        print_error(fmt::format("... and {} more errors", errors.size() - kMost));
    }
    return std::nullopt;
}

}  // namespace vmigrate::cli
