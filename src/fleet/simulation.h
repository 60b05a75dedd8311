// SPDX-License-Identifier: GPL-2.0-or-later
//
// A fleet in thought: hosts whose links are shared by the moves that use them, moves that take as
// long as move_time says (or not quite), and things that break. It drives the very Evacuation that
// drives the real one, so what it shows is what that does. Events, no clock; the same seed gives
// the same course. Pure; any thread.
#pragma once

#include <cstdint>

#include "fleet/evacuation.h"

namespace vmigrate::fleet {

/// As it is, all goes as predicted.
struct Weather {
    std::uint64_t seed = 1;
    double noise = 0;          ///< standard deviation of a move's time, as a share of it
    double failing_moves = 0;  ///< share of moves that fail half-way, for any reason
    double failing_hosts = 0;  ///< share of the hosts that take guests that die, one after another
    milliseconds storm{std::chrono::minutes(10)};  ///< within this time
    bool tells_progress = false;                   ///< MoveProgress when memory begins to flow
};

struct PlayedMove {
    std::string uuid;
    std::string from;
    std::string to;
    std::optional<milliseconds> begins;  ///< after the beginning; nothing: it was under way
    milliseconds ends{};
    bool hurried = false;
    Outcome outcome = Outcome::unknown;
};

struct Played {
    std::vector<Standing> standings;  ///< of all, at the end
    std::vector<PlayedMove> moves;    ///< in the order of their ends
    milliseconds total{};             ///< until nothing was under way any more
    unsigned dead_hosts = 0;
    bool over = false;  ///< false: it waited for something that does not come
};

/// From `now` to the end.
Played play(Evacuation evacuation, TimePoint now, const Weather& weather = {});

}  // namespace vmigrate::fleet
