// SPDX-License-Identifier: GPL-2.0-or-later
//
// Evacuation: what happens, and which verdict or place it means for the guests.
#include <fmt/format.h>

#include <algorithm>

#include "fleet/evacuation_state.h"

namespace vmigrate::fleet {
namespace {

/// Destination that refused so many guests, one after another, takes none until told otherwise.
constexpr unsigned kRefusals = 3;
/// Pauses do not double for ever.
constexpr unsigned kMostDoublings = 10;

std::string with(const std::string& first, const std::string& second) {
    return first.empty() ? second : fmt::format("{}; {}", first, second);
}

}  // namespace

// ---- what happens

void Evacuation::State::take(const MoveEnded& ended) {
    auto* task = task_of(ended.uuid);
    if (task == nullptr || !task->move) {
        return;  // said twice
    }
    const auto to = task->move->to;
    end_move(*task);
    switch (ended.outcome) {
        case Outcome::moved:
        case Outcome::moved_with_problems:
            traffic(to).refusals = 0;
            places_.arrived(task->guest);
            settle(*task,
                   ended.outcome == Outcome::moved ? Standing::State::moved
                                                   : Standing::State::moved_with_problems,
                   ended.reason);
            break;
        case Outcome::failed_on_source:
            did_not_move(*task, to, ended);
            break;
        case Outcome::unknown:
            places_.freeze(task->guest);
            settle(*task, Standing::State::unknown, ended.reason);
            break;
    }
}

void Evacuation::State::did_not_move(Task& task, HostId to, const MoveEnded& ended) {
    const auto& attempts = task.standing.attempts;
    if (ended.trouble == Trouble::guest) {
        settle(task, Standing::State::failed_on_source, ended.reason);
        return;
    }
    task.standing.state = Standing::State::waiting;
    task.standing.reason = ended.reason;
    enqueue(task);
    if (ended.trouble == Trouble::destination) {
        try_elsewhere(task, to, ended.reason);
    }
    if (attempts >= rules_.most_attempts) {
        settle(task, Standing::State::failed_on_source,
               attempts == 1 ? ended.reason
                             : fmt::format("{} attempts, the last: {}", attempts, ended.reason));
    } else if (cancelled_) {
        settle(task, Standing::State::cancelled,
               with(ended.reason, "cancelled before another attempt"));
    } else if (ended.trouble != Trouble::destination) {
        const auto doublings = std::min(attempts - 1, kMostDoublings);
        task.not_before = now_ + rules_.first_pause * (1U << doublings);
        pausing_.push_back(id_of(task));
        if (!places_.still_fits(task.guest)) {
            unplace(task);
        }
    }
}

void Evacuation::State::try_elsewhere(Task& task, HostId failed, const std::string& reason) {
    places_.avoid(task.guest, failed);
    unplace(task);
    if (++traffic(failed).refusals == kRefusals) {
        places_.distrust(failed, fmt::format("{} moves there failed: {}", kRefusals, reason));
        unplace_all_on(failed);
    }
}

void Evacuation::State::take(const MoveProgress& progress) {
    auto* task = task_of(progress.uuid);
    if (task != nullptr && task->move) {
        task->move->sending = progress.sending;
        if (progress.arrived) {
            arrive(*task->move);
        }
        if (progress.left) {
            task->move->told_end = now_ + *progress.left;
        }
    }
}

void Evacuation::State::take(const HostChanged& changed) {
    const auto id = places_.set_host(changed.host);
    traffic(id).refusals = 0;
    const bool any_stays_out = std::ranges::any_of(tasks_, [&](const Task& task) {
        return task.waiting() && places_.to(task.guest) == id && !places_.still_fits(task.guest);
    });
    if (any_stays_out) {
        unplace_all_on(id);
    }
}

void Evacuation::State::take(const GuestSeen& seen) {
    auto* task = task_of(seen.guest.uuid);
    if (task != nullptr && task->waiting()) {
        seen_waiting(*task, seen.guest);
        return;
    }
    if (task != nullptr && task->standing.state != Standing::State::left) {
        return;
    }
    const auto id = places_.set_guest(seen.guest);
    if (is_ours(seen.guest)) {
        const auto attempts = task == nullptr ? 0 : task->standing.attempts;
        join(id, {seen.guest.uuid, seen.guest.name, seen.guest.host, {}, {}, attempts, {}});
    }
}

void Evacuation::State::seen_waiting(Task& task, const Guest& guest) {
    dequeue(task);
    const auto place = places_.to(task.guest);
    const bool other_groups = places_.guest(task.guest).groups != guest.groups;
    places_.set_guest(guest);
    enqueue(task);
    if (!is_ours(guest)) {
        settle(task, Standing::State::left, fmt::format("it is on {} now", guest.host));
        return;
    }
    if (!guest.unmovable.empty()) {
        settle(task, Standing::State::unmovable, guest.unmovable);
        return;
    }
    task.standing.from = guest.host;
    if (place) {
        places_.promise(task.guest, *place);
    }
    if (other_groups || (place && !places_.still_fits(task.guest))) {
        unplace(task);
    }
}

void Evacuation::State::take(const GuestLeft& left) {
    auto* task = task_of(left.uuid);
    if (task == nullptr) {
        if (const auto id = places_.find_guest(left.uuid)) {
            places_.gone(*id);
        }
    } else if (task->waiting()) {
        settle(*task, Standing::State::left, "it is not there any more");
        places_.gone(task->guest);
    }
}

void Evacuation::State::take(const CancelRequested&) {
    cancelled_ = true;
    settle_all_waiting(Standing::State::cancelled, "cancelled before its turn");
}

// ---- verdicts

void Evacuation::State::settle(Task& task, Standing::State state, const std::string& reason) {
    if (task.waiting()) {
        dequeue(task);
        std::erase(homeless_, id_of(task));
    }
    if (state != Standing::State::unknown) {
        places_.stay(task.guest);
    }
    task.standing.state = state;
    task.standing.reason = reason;
    --open_;
    settled_.emplace_back(Settled{task.standing.uuid});
}

void Evacuation::State::settle_all_waiting(Standing::State state, const std::string& reason) {
    for (auto& task : tasks_) {
        if (task.waiting()) {
            settle(task, state, with(task.standing.reason, reason));
        }
    }
}

/// Nothing changes by itself any more for those that have no place.
void Evacuation::State::give_up_homeless() {
    std::vector<std::string> reasons;  // all from before the first is settled
    const auto homeless = homeless_;
    for (const auto id : homeless) {
        reasons.push_back("no place: " + places_.why_no_place(tasks_[id].guest));
    }
    for (std::size_t i = 0; i < homeless.size(); ++i) {
        auto& task = tasks_[homeless[i]];
        settle(task,
               task.standing.attempts > 0 ? Standing::State::failed_on_source
                                          : Standing::State::unmovable,
               with(task.standing.reason, reasons[i]));
    }
}

// ---- places

/// Who must go with it looks for a place with it.
void Evacuation::State::unplace(Task& task) {
    for (const auto companion : places_.companions(task.guest)) {
        const auto found = task_ids_.find(companion);
        if (found == task_ids_.end() || !tasks_[found->second].waiting()) {
            continue;
        }
        places_.release(companion);
        if (std::ranges::find(homeless_, found->second) == homeless_.end()) {
            homeless_.push_back(found->second);
        }
    }
    look_for_places_ = true;
}

void Evacuation::State::unplace_all_on(HostId host) {
    for (auto& task : tasks_) {
        if (task.waiting() && places_.to(task.guest) == host) {
            unplace(task);
        }
    }
}

/// True when somebody found one.
bool Evacuation::State::place_homeless() {
    if (homeless_.empty() || (!look_for_places_ && chances_seen_ == places_.chances())) {
        return false;
    }
    std::vector<GuestId> movers;
    for (const auto id : homeless_) {
        movers.push_back(tasks_[id].guest);
    }
    const auto before = homeless_.size();
    homeless_.clear();
    for (const auto guest : places_.place(movers)) {
        homeless_.push_back(task_ids_.at(guest));
    }
    look_for_places_ = false;
    chances_seen_ = places_.chances();
    return homeless_.size() < before;
}

}  // namespace vmigrate::fleet
