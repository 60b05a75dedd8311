// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace vmigrate::cli {
namespace {

std::size_t columns(std::FILE* stream) {
    winsize size{};
    const bool known = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return known ? size.ws_col : 80U;
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

}  // namespace

bool is_smart(std::FILE* stream) {
    const char* term = std::getenv("TERM");
    return isatty(fileno(stream)) == 1 && term != nullptr && std::string_view(term) != "dumb" &&
           *term != '\0';
}

bool wants_colour(std::FILE* stream) {
    const char* no_colour = std::getenv("NO_COLOR");
    return is_smart(stream) && (no_colour == nullptr || *no_colour == '\0');
}

void TerminalLine::rewrite(const std::string& text) {
    if (!smart_) {
        fmt::print(stream_, "{}\n", text);
    } else {
        // One column stays free: a full line would wrap, and then \r no longer reaches its start.
        fmt::print(stream_, "\r{}\x1b[K", text.substr(0, columns(stream_) - 1));
        open_ = true;
    }
    std::fflush(stream_);
}

void TerminalLine::print(std::string_view text) {
    fmt::print(stream_, "{}{}\n", open_ ? "\r\x1b[K" : "", text);
    open_ = false;
    std::fflush(stream_);
}

void TerminalLine::end() {
    if (open_) {
        fmt::print(stream_, "\n");
        open_ = false;
        std::fflush(stream_);
    }
}

std::string coloured(std::string_view text, Colour colour, bool wanted) {
    if (!wanted || colour == Colour::none) {
        return std::string(text);
    }
    const int code = colour == Colour::good ? 32 : colour == Colour::bad ? 31 : 33;
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::size_t width(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\x1b') {
            i = std::min(text.find('m', i), text.size());  // a colour takes no place
        } else if (!is_continuation(text[i])) {
            ++count;
        }
    }
    return count;
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line(indent);
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i] + std::string(widths[i] - width(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

}  // namespace vmigrate::cli
