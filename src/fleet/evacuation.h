// SPDX-License-Identifier: GPL-2.0-or-later
//
// Empties hosts, or brings guests home: which guest goes where and when, what to do after a
// failure, and when it is over. A state machine: it is told what has happened and says what to do;
// the command line, the tests and the simulation carry that out in their own ways. Pure: no clock
// (the time comes with each happening), no I/O; a value that can be copied. One thread.
//
// Order of calls: construct, happened(TimePassed{}) to begin, then happened(...) for whatever
// happens and TimePassed at wake_at(), until over(). Each StartMove is answered by one MoveEnded,
// sooner or later; a guest has never two of them at once.
//
// What it promises: no guest moves to a host that is closed, lacks what the guest needs, has not
// the memory (with what is on its way) or that a group forbids, also among moves under way; a guest
// whose state is unknown is not touched again; none is stopped; it ends, with a verdict for every
// guest.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fleet/model.h"
#include "fleet/move_time.h"
#include "fleet/placement.h"
#include "orchestrator/types.h"

namespace vmigrate::fleet {

/// In which order guests move. After that, the one that takes less time goes first.
enum class Order {
    small_first,  ///< by what has to be sent
    idle_first,   ///< by how much is written to memory
    priority      ///< by Guest::priority
};

struct Rules {
    std::set<std::string> hosts;               ///< that are emptied: all their guests, and arrivals
    std::map<std::string, std::string> homes;  ///< UUID -> the host that it goes to (restore)
    unsigned most_parallel = 2;
    BytesPerSecond bandwidth{};  ///< of all moves together; 0 = what the links carry
    /// From the beginning. When it has passed no move begins any more; those under way go on.
    std::optional<milliseconds> deadline;
    Order order = Order::small_first;
    unsigned most_attempts = 4;       ///< of one guest
    milliseconds first_pause{5'000};  ///< before the second attempt; doubles
    unsigned headroom_percent = 5;    ///< of its memory, that is left free on a host
};

/// How a guest stands. What is not waiting or moving is a verdict, and final.
struct Standing {
    enum class State {
        waiting,
        moving,
        moved,
        moved_with_problems,
        failed_on_source,  ///< runs where it was: the attempts failed
        unmovable,         ///< runs where it was: it has no place, or cannot be moved at all
        late,              ///< runs where it was: the deadline passed before its turn
        cancelled,         ///< runs where it was: cancelled before its turn
        left,              ///< moved by others, or ended, before its turn
        unknown            ///< nobody knows where it runs: for a person to look at
    };
    std::string uuid;
    std::string name;
    std::string from;
    std::string to;  ///< planned, under way, or where it was moved (last tried); empty: nowhere
    State state = State::waiting;
    unsigned attempts = 0;  ///< moves begun
    std::string reason;  ///< why not moved; of the last failure while it waits again; or problems
    bool ended() const { return state != State::waiting && state != State::moving; }
};
std::string_view name_of(Standing::State state);  ///< "failed-on-source"
std::optional<Standing::State> state_named(std::string_view name);
std::string_view name_of(Order order);  ///< "small-first"
std::optional<Order> order_named(std::string_view name);

// ---- what happens

/// Why a move did not work, as far as it decides what comes next.
enum class Trouble {
    none,         ///< it did
    passing,      ///< busy, timeout, did not converge now: again after a pause
    destination,  ///< this host does not take this guest: elsewhere at once
    guest         ///< it would fail anywhere: not again
};
struct MoveEnded {
    std::string uuid;
    Outcome outcome = Outcome::unknown;
    Trouble trouble = Trouble::none;  ///< looked at when the outcome is failed_on_source
    std::string reason;               ///< or problems
};
/// May be told of a running move, as often as one likes; without it predictions are used, and the
/// move is taken for one that sends from its beginning to its end.
struct MoveProgress {
    std::string uuid;
    bool sending = true;                 ///< false: it needs no bandwidth (yet, or any more)
    std::optional<milliseconds> left{};  ///< the forecast: until the destination runs
    bool arrived = false;  ///< it runs there, with all that it has: the rest is clearing up
};
/// All about a host anew, known by its name or new. `memory_free` contains guests that have
/// arrived, and not those under way.
struct HostChanged {
    Host host;
};
/// A guest is new, or other than before. On a host that is being emptied it joins; elsewhere it
/// counts in its groups. A guest that moves or has its verdict keeps it.
struct GuestSeen {
    Guest guest;
};
/// It is not on its host any more, and no move of ours did that.
struct GuestLeft {
    std::string uuid;
};
/// Moves under way end as they do, no other begins.
struct CancelRequested {};
struct TimePassed {};
using Happening = std::variant<MoveEnded, MoveProgress, HostChanged, GuestSeen, GuestLeft,
                               CancelRequested, TimePassed>;

// ---- what to do, in this order

/// A move under way gets another share of Rules::bandwidth. At no time, when the actions are
/// carried out in their order, do the shares of moves that send make more than the whole.
struct ShareBandwidth {
    std::string uuid;
    BytesPerSecond bandwidth;
};
struct StartMove {
    std::string uuid;
    std::string to;
    BytesPerSecond bandwidth;  ///< its share; 0 = no limit
    unsigned attempt = 1;
    bool hurried = false;     ///< as Hurry
    milliseconds expected{};  ///< how long it will take, with that share
};
/// A running move would miss the deadline: throttle more and sooner, post-copy where the policy
/// allows it. Once for each move.
struct Hurry {
    std::string uuid;
};
/// The guest has its verdict; see standing(). Not told of those that have it from the beginning.
struct Settled {
    std::string uuid;
};
using Action = std::variant<ShareBandwidth, StartMove, Hurry, Settled>;

class Evacuation {
  public:
    /// `before`: how guests stood when an earlier evacuation with these rules was interrupted.
    /// Verdicts stay, attempts count on, and what was moving still is: tell its MoveEnded.
    Evacuation(const Rules& rules, const Fleet& fleet, TimePoint begun,
               const std::vector<Standing>& before = {});
    Evacuation(const Evacuation& other);
    Evacuation(Evacuation&& other) noexcept;
    Evacuation& operator=(const Evacuation&) = delete;
    Evacuation& operator=(Evacuation&&) = delete;
    ~Evacuation();

    std::vector<Action> happened(const Happening& happening, TimePoint at);

    /// When TimePassed is to be told, if nothing happens before. Nothing: only others can go on.
    std::optional<TimePoint> wake_at() const;
    /// All have their verdict. New arrivals may come nevertheless, and it is not over any more.
    bool over() const;

    /// Of all guests that it is about, in the order in which they joined.
    std::vector<Standing> standings() const;
    std::optional<Standing> standing(std::string_view uuid) const;

    // for forecast.h and simulation.h
    const Rules& rules() const;
    TimePoint begun() const;
    const Placement& placement() const;
    struct Running {
        GuestId guest;
        Journey journey;       ///< as predicted, until now
        BytesPerSecond share;  ///< as told; 0 = no limit
    };
    std::vector<Running> running(TimePoint now) const;

  private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace vmigrate::fleet
