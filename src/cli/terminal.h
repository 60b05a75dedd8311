// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one owner of the terminal's progress line, and the small layout helpers that all reports
// share. Thread rule: one thread.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace vmigrate::cli {

/// True when `stream` is a terminal that understands control sequences (TERM is set, not "dumb").
bool is_smart(std::FILE* stream);
/// True when colours are welcome: smart, and NO_COLOR is not set.
bool wants_colour(std::FILE* stream);

class TerminalLine {
  public:
    explicit TerminalLine(std::FILE* stream) : stream_(stream), smart_(is_smart(stream)) {}
    ~TerminalLine() { end(); }
    TerminalLine(const TerminalLine&) = delete;
    TerminalLine& operator=(const TerminalLine&) = delete;

    bool smart() const { return smart_; }
    /// Shows `text` in place of the progress line; on a plain stream it is a line of its own.
    void rewrite(const std::string& text);
    /// A line that stays; the progress line goes on below it.
    void print(std::string_view text);
    /// Leaves the last progress line on the screen.
    void end();

  private:
    std::FILE* stream_;
    bool smart_;
    bool open_ = false;  ///< a progress line without newline is on the screen
};

enum class Colour { none, good, bad, doubtful };
std::string coloured(std::string_view text, Colour colour, bool wanted);

/// Characters that `text` takes on the screen, as far as UTF-8 tells (wide ones count as one).
std::size_t width(std::string_view text);

/// Columns padded to their widest cell, two spaces between them, no trailing spaces; each row a
/// line with `indent` before it.
std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent = "");

}  // namespace vmigrate::cli
