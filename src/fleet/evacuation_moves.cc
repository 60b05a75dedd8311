// SPDX-License-Identifier: GPL-2.0-or-later
//
// Evacuation: which move begins when, with how much of the bandwidth, and what the deadline asks of
// those under way.
#include <algorithm>
#include <tuple>

#include "fleet/evacuation_state.h"
#include "fleet/fair_shares.h"

namespace vmigrate::fleet {
namespace {

/// A larger share is worth telling when it is so much larger.
constexpr double kWorthTelling = 1.02;
/// Of the budget who began first gets so much more than the others. Moves that begin together would
/// end together otherwise: their blackouts, and the pauses in which the next ones are prepared and
/// nobody sends.
constexpr double kFirstsWeight = 2;
/// How often it is looked whether all will make the deadline: so many times until then.
constexpr int kLooks = 100;

/// Of two speeds, 0 being none that is known.
BytesPerSecond lower(BytesPerSecond a, BytesPerSecond b) {
    if (a.count == 0 || b.count == 0) {
        return std::max(a, b);
    }
    return std::min(a, b);
}

}  // namespace

// ---- queues

Turn Evacuation::State::turn_of_task(const Task& task) const {
    const auto& guest = places_.guest(task.guest);
    const auto expected = move_time(guest.load, best_speed(task, {})).total();
    return turn_of(guest, rush_ ? Order::idle_first : rules_.order, expected);
}

void Evacuation::State::enqueue(Task& task) {
    task.turn = turn_of_task(task);
    auto& queue = traffic(places_.at(task.guest)).queue;
    const auto before = [this](TaskId a, TaskId b) {
        return std::tie(tasks_[a].turn, a) < std::tie(tasks_[b].turn, b);
    };
    const auto id = id_of(task);
    queue.insert(std::ranges::upper_bound(queue, id, before), id);
}

void Evacuation::State::dequeue(Task& task) {
    std::erase(traffic(places_.at(task.guest)).queue, id_of(task));
}

bool Evacuation::State::may_begin(const Task& task) const {
    const auto to = places_.to(task.guest);
    return to && traffic(*to).in < places_.host(*to).most_in && task.not_before <= now_;
}

/// The first in its turn, of those that can begin now.
std::optional<Evacuation::State::TaskId> Evacuation::State::next_task(bool with_hopeless) {
    std::optional<TaskId> best;
    for (HostId from = 0; from < traffic_.size(); ++from) {
        if (traffic_[from].out >= places_.host(from).most_out) {
            continue;
        }
        for (const auto id : traffic_[from].queue) {
            const auto& task = tasks_[id];
            if (best && !(task.turn < tasks_[*best].turn)) {
                break;
            }
            if (may_begin(task) && (with_hopeless || !rush_ || !hopeless(task))) {
                best = id;
                break;
            }
        }
    }
    return best;
}

void Evacuation::State::begin_moves() {
    while (on_their_way() < rules_.most_parallel) {
        auto next = next_task(false);
        // who cannot make the deadline goes when nobody else is held up by that
        if (!next && rush_ && std::ranges::all_of(under_way_, [this](TaskId id) {
                return tasks_[id].move->hopeless;
            })) {
            next = next_task(true);
        }
        if (!next) {
            return;
        }
        auto& task = tasks_[*next];
        if (places_.still_fits(task.guest)) {
            begin(task);
        } else {
            unplace(task);
        }
    }
}

void Evacuation::State::begin(Task& task) {
    dequeue(task);
    ++task.standing.attempts;
    task.standing.state = Standing::State::moving;
    task.standing.reason.clear();
    take_under_way(task, *places_.to(task.guest));
    begun_now_.push_back(id_of(task));
}

void Evacuation::State::take_under_way(Task& task, HostId to) {
    if (!places_.to(task.guest)) {
        places_.promise(task.guest, to);
    }
    places_.depart(task.guest);
    const auto from = places_.at(task.guest);
    task.standing.to = places_.host(to).name;
    ++traffic(from).out;
    ++traffic(to).in;
    task.move = Move{from, to, Journey(places_.guest(task.guest).load), now_, {}, {}, {}};
    task.move->speed = speed_between(from, to);
    task.move->hopeless = hopeless(task);
    under_way_.push_back(id_of(task));
}

/// Others may go instead of it.
void Evacuation::State::arrive(Move& move) {
    if (!std::exchange(move.arrived, true)) {
        --traffic(move.from).out;
        --traffic(move.to).in;
    }
}

std::size_t Evacuation::State::on_their_way() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(under_way_, [this](TaskId id) { return !tasks_[id].move->arrived; }));
}

void Evacuation::State::end_move(Task& task) {
    arrive(*task.move);
    task.move.reset();
    std::erase(under_way_, id_of(task));
}

// ---- bandwidth

/// Alone on its links.
BytesPerSecond Evacuation::State::best_speed(const Task& task, std::optional<HostId> to) const {
    const auto out = lower(places_.host(places_.at(task.guest)).link, rules_.bandwidth);
    return to ? lower(out, places_.host(*to).link) : out;
}

/// With those that use the same links now.
BytesPerSecond Evacuation::State::speed_between(HostId from, HostId to) const {
    const auto part = [](BytesPerSecond link, unsigned moves) {
        return BytesPerSecond{link.count / std::max(1U, moves)};
    };
    return lower(part(places_.host(from).link, traffic(from).out),
                 part(places_.host(to).link, traffic(to).in));
}

void Evacuation::State::share_bandwidth() {
    const bool budget = rules_.bandwidth.count > 0;
    if (budget || rules_.deadline) {
        for (const auto id : under_way_) {
            auto& move = *tasks_[id].move;
            const auto time = std::chrono::duration_cast<milliseconds>(now_ - move.as_of);
            move.journey.advance(time, move.speed);
            move.as_of += time;
        }
        if (budget) {
            share_budget();
        } else {
            for (const auto id : under_way_) {
                auto& move = *tasks_[id].move;
                move.speed = speed_between(move.from, move.to);
            }
        }
    }
    tell_shares();
}

void Evacuation::State::share_budget() {
    std::vector<Stream> streams;
    std::vector<TaskId> senders;
    for (const auto id : under_way_) {
        const auto& move = *tasks_[id].move;
        if (move.sending) {
            streams.push_back({move.from, move.to, streams.empty() ? kFirstsWeight : 1});
            senders.push_back(id);
        }
    }
    std::vector<BytesPerSecond> links;
    for (HostId id = 0; id < places_.hosts(); ++id) {
        links.push_back(places_.host(id).link);
    }
    const auto shares = fair_shares(streams, links, rules_.bandwidth);
    for (std::size_t i = 0; i < senders.size(); ++i) {
        tasks_[senders[i]].move->speed = shares[i];
    }
}

/// What becomes less comes first, so that there is never too much.
void Evacuation::State::tell_shares() {
    const auto told = [this](TaskId id) {
        auto& task = tasks_[id];
        task.move->limit = task.move->speed;
        actions_.emplace_back(ShareBandwidth{task.standing.uuid, task.move->limit});
    };
    if (rules_.bandwidth.count > 0) {
        const auto is_new = [this](TaskId id) {
            return std::ranges::find(begun_now_, id) != begun_now_.end();
        };
        for (const auto id : under_way_) {
            if (!is_new(id) && tasks_[id].move->speed < tasks_[id].move->limit) {
                told(id);
            }
        }
        for (const auto id : under_way_) {
            auto& move = *tasks_[id].move;
            if (!is_new(id) && move.speed > move.limit * kWorthTelling) {
                told(id);
            }
        }
    }
    for (const auto id : begun_now_) {
        auto& task = tasks_[id];
        auto& move = *task.move;
        if (rules_.bandwidth.count > 0) {
            move.limit = move.speed;
        }
        if (deadline() && ends_at(move) > *deadline()) {
            move.hurried = true;
            move.journey.hurry();
        }
        actions_.emplace_back(StartMove{task.standing.uuid, task.standing.to, move.limit,
                                        task.standing.attempts, move.hurried,
                                        move.journey.left(move.speed)});
    }
    begun_now_.clear();
}

// ---- the deadline

/// Not even now, alone and in a hurry.
bool Evacuation::State::hopeless(const Task& task) const {
    const auto speed = best_speed(task, places_.to(task.guest));
    return deadline() &&
           now_ + move_time(places_.guest(task.guest).load, speed, true).total() > *deadline();
}

void Evacuation::State::look_at_the_clock() {
    if (!deadline()) {
        return;
    }
    if (now_ >= *deadline()) {
        give_up_homeless();
        settle_all_waiting(Standing::State::late, "the deadline passed before its turn");
        return;
    }
    if (rush_ || now_ < next_look_) {
        return;
    }
    next_look_ = now_ + *rules_.deadline / kLooks;
    std::vector<Transfer> transfers;
    for (const auto& task : tasks_) {
        if (task.waiting()) {
            transfers.push_back({places_.at(task.guest), {}, places_.guest(task.guest).load});
        }
    }
    std::vector<Host> hosts;
    for (HostId id = 0; id < places_.hosts(); ++id) {
        hosts.push_back(places_.host(id));
        if (places_.emptied(id) || !hosts.back().closed.empty()) {
            hosts.back().most_in = 0;
        }
    }
    const auto bound = bound_of(transfers, hosts, rules_.bandwidth, rules_.most_parallel);
    rush_ = now_ + bound.total() > *deadline();
    if (rush_) {
        for (auto& task : tasks_) {
            if (task.waiting()) {
                dequeue(task);
            }
        }
        for (auto& task : tasks_) {
            if (task.waiting()) {
                enqueue(task);
            }
        }
    }
}

TimePoint Evacuation::State::ends_at(const Move& move) const {
    const auto end = move.told_end.value_or(move.as_of + move.journey.left(move.speed));
    return std::max(end, now_);
}

void Evacuation::State::hurry_late_ones() {
    if (!deadline()) {
        return;
    }
    for (const auto id : under_way_) {
        auto& move = *tasks_[id].move;
        if (!move.hurried && ends_at(move) > *deadline()) {
            move.hurried = true;
            move.journey.hurry();
            actions_.emplace_back(Hurry{tasks_[id].standing.uuid});
        }
    }
}

std::vector<Evacuation::Running> Evacuation::State::running(TimePoint now) const {
    std::vector<Running> all;
    for (const auto id : under_way_) {
        const auto& move = *tasks_[id].move;
        all.push_back({tasks_[id].guest, move.journey, move.limit});
        all.back().journey.advance(
            std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(now - move.as_of)),
            move.speed);
    }
    return all;
}

}  // namespace vmigrate::fleet
