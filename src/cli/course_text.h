// SPDX-License-Identifier: GPL-2.0-or-later
//
// The course of a migration as lines of bars, for people at a terminal. Any thread; pure, except
// that bars_of_locale reads the environment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/store.h"

namespace vmigrate::cli {

/// What bars are made of.
enum class Bars {
    blocks,  ///< of Unicode
    ascii
};

/// What the locale of the environment can show.
Bars bars_of_locale();

/// A bar for each height, from 0 to `highest`; a gap where there is none.
std::string sparkline(const std::vector<std::optional<double>>& heights, double highest, Bars bars);

/// A line for each of the figures that were sampled or watched, over the same time, with the most
/// that it was, also before; without those that were 0 all the time. Empty when nothing was
/// sampled.
std::string course_text(const history::Story& story, Bars bars);

}  // namespace vmigrate::cli
