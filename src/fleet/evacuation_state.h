// SPDX-License-Identifier: GPL-2.0-or-later
//
// What Evacuation remembers; private to it. Its two halves: evacuation.cc keeps the guests'
// standings in line with what happens, evacuation_moves.cc begins moves and steers those under way.
#pragma once

#include <unordered_map>
#include <utility>

#include "fleet/evacuation.h"
#include "fleet/schedule.h"

namespace vmigrate::fleet {

class Evacuation::State {
  public:
    State(const Rules& rules, const Fleet& fleet, TimePoint begun,
          const std::vector<Standing>& before);

    std::vector<Action> happened(const Happening& happening, TimePoint at);
    std::optional<TimePoint> wake_at() const;
    bool over() const { return open_ == 0; }
    std::vector<Standing> standings() const;
    std::optional<Standing> standing(std::string_view uuid) const;
    const Rules& rules() const { return rules_; }
    TimePoint begun() const { return begun_; }
    const Placement& placement() const { return places_; }
    std::vector<Running> running(TimePoint now) const;

  private:
    using TaskId = std::size_t;
    struct Move {
        HostId from = 0;
        HostId to = 0;
        Journey journey;
        TimePoint as_of{};
        BytesPerSecond speed;  ///< as far as known
        BytesPerSecond limit;  ///< as told
        std::optional<TimePoint> told_end;
        bool sending = true;
        bool arrived = false;  ///< keeps nobody waiting any more
        bool hurried = false;
        bool hopeless = false;  ///< when it began
    };
    struct Task {
        GuestId guest = 0;
        Standing standing;
        Turn turn;
        TimePoint not_before{};
        std::optional<Move> move;
        bool waiting() const { return standing.state == Standing::State::waiting; }
    };
    struct Traffic {
        std::vector<TaskId> queue;  ///< who waits to leave, in their turn
        unsigned out = 0;           ///< moves at the same time
        unsigned in = 0;
        unsigned refusals = 0;  ///< to take a guest, one after another
    };

    // ---- evacuation.cc, evacuation_happenings.cc
    void take_up(const Standing& before);
    bool is_ours(const Guest& guest) const;
    void join(GuestId id, Standing standing);
    void take(const MoveEnded& ended);
    void take(const MoveProgress& progress);
    void take(const HostChanged& changed);
    void take(const GuestSeen& seen);
    void take(const GuestLeft& left);
    void take(const CancelRequested&);
    void take(const TimePassed&) {}
    void seen_waiting(Task& task, const Guest& guest);
    void did_not_move(Task& task, HostId to, const MoveEnded& ended);
    void try_elsewhere(Task& task, HostId failed, const std::string& reason);
    void settle(Task& task, Standing::State state, const std::string& reason);
    void settle_all_waiting(Standing::State state, const std::string& reason);
    void give_up_homeless();
    void unplace(Task& task);
    void unplace_all_on(HostId host);
    bool place_homeless();
    Task* task_of(std::string_view uuid);
    Standing shown(const Task& task) const;
    std::optional<TimePoint> deadline() const;

    // ---- evacuation_moves.cc
    void enqueue(Task& task);
    void dequeue(Task& task);
    void begin_moves();
    std::optional<TaskId> next_task(bool with_hopeless);
    bool may_begin(const Task& task) const;
    void begin(Task& task);
    void take_under_way(Task& task, HostId to);
    void arrive(Move& move);
    std::size_t on_their_way() const;
    void end_move(Task& task);
    void look_at_the_clock();
    bool hopeless(const Task& task) const;
    Turn turn_of_task(const Task& task) const;
    BytesPerSecond best_speed(const Task& task, std::optional<HostId> to) const;
    BytesPerSecond speed_between(HostId from, HostId to) const;
    void share_bandwidth();
    void share_budget();
    void tell_shares();
    void hurry_late_ones();
    TimePoint ends_at(const Move& move) const;
    /// Hosts come while it goes on.
    Traffic& traffic(HostId host) {
        if (host >= traffic_.size()) {
            traffic_.resize(host + 1);
        }
        return traffic_[host];
    }
    const Traffic& traffic(HostId host) const {
        static const Traffic none;
        return host < traffic_.size() ? traffic_[host] : none;
    }
    TaskId id_of(const Task& task) const { return static_cast<TaskId>(&task - tasks_.data()); }

    Rules rules_;
    TimePoint begun_;
    TimePoint now_;
    Placement places_;
    std::vector<Task> tasks_;
    std::unordered_map<GuestId, TaskId> task_ids_;
    std::size_t open_ = 0;          ///< tasks without a verdict
    std::vector<Traffic> traffic_;  ///< by host, as far as there was any
    std::vector<TaskId> under_way_;
    std::vector<TaskId> begun_now_;
    std::vector<TaskId> homeless_;  ///< wait without a place
    std::vector<TaskId> pausing_;   ///< wait for another attempt, or did
    bool look_for_places_ = false;
    std::uint64_t chances_seen_ = 0;
    bool cancelled_ = false;
    bool rush_ = false;  ///< not all will make the deadline
    TimePoint next_look_{};
    std::vector<Action> actions_;
    std::vector<Action> settled_;
};

}  // namespace vmigrate::fleet
