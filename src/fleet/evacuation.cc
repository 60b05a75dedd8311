// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/evacuation.h"

#include <algorithm>

#include "fleet/evacuation_state.h"

namespace vmigrate::fleet {

Evacuation::State::State(const Rules& rules, const Fleet& fleet, TimePoint begun,
                         const std::vector<Standing>& before)
    : rules_(rules),
      begun_(begun),
      now_(begun),
      places_(fleet, rules.hosts, rules.headroom_percent) {
    rules_.most_parallel = std::max(1U, rules.most_parallel);
    rules_.most_attempts = std::max(1U, rules.most_attempts);
    for (const auto& standing : before) {
        take_up(standing);
    }
    for (const auto& guest : fleet.guests) {
        const auto id = places_.find_guest(guest.uuid);
        if (is_ours(guest) && id && !task_ids_.contains(*id)) {
            join(*id, {guest.uuid, guest.name, guest.host, {}, {}, 0, {}});
        }
    }
    settled_.clear();  // of what was so from the beginning, standings() tells
}

/// As it stood when an earlier evacuation was interrupted.
void Evacuation::State::take_up(const Standing& before) {
    auto id = places_.find_guest(before.uuid);
    const bool seen = id.has_value();
    if (!seen) {
        Guest guest;
        guest.uuid = before.uuid;
        guest.name = before.name;
        guest.host = before.from;
        id = places_.set_guest(guest);
    }
    if (task_ids_.contains(*id)) {
        return;
    }
    if (before.state == Standing::State::waiting) {
        if (seen && is_ours(places_.guest(*id))) {
            auto standing = before;
            standing.from = places_.guest(*id).host;
            if (standing.attempts == 0) {
                standing.reason.clear();  // that it had no place then
            }
            join(*id, std::move(standing));
            return;
        }
    }
    task_ids_.emplace(*id, tasks_.size());
    auto& task = tasks_.emplace_back();
    task.guest = *id;
    task.standing = before;
    if (before.state == Standing::State::waiting) {
        task.standing.state = Standing::State::left;
    } else if (before.state == Standing::State::moving) {
        ++open_;
        places_.leave(*id);
        take_under_way(task, places_.host_named(before.to));
    } else if (before.state == Standing::State::unknown && !before.to.empty()) {
        places_.promise(*id, places_.host_named(before.to));
    }
}

bool Evacuation::State::is_ours(const Guest& guest) const {
    const auto home = rules_.homes.find(guest.uuid);
    return rules_.hosts.contains(guest.host) ||
           (home != rules_.homes.end() && home->second != guest.host);
}

void Evacuation::State::join(GuestId id, Standing standing) {
    const auto [found, is_new] = task_ids_.try_emplace(id, tasks_.size());
    if (is_new) {
        tasks_.emplace_back();
    }
    auto& task = tasks_[found->second];
    task.guest = id;
    task.standing = std::move(standing);
    task.not_before = {};
    ++open_;
    const auto& guest = places_.guest(id);
    if (!guest.unmovable.empty()) {
        settle(task, Standing::State::unmovable, guest.unmovable);
        return;
    }
    if (cancelled_) {
        settle(task, Standing::State::cancelled, "cancelled before it came");
        return;
    }
    const auto home = rules_.homes.find(guest.uuid);
    places_.leave(id, home == rules_.homes.end() ? std::nullopt
                                                 : std::optional(places_.host_named(home->second)));
    enqueue(task);
    unplace(task);
}

std::vector<Action> Evacuation::State::happened(const Happening& happening, TimePoint at) {
    now_ = std::max(now_, at);
    actions_.clear();
    settled_.clear();
    std::erase_if(pausing_, [this](TaskId id) { return tasks_[id].not_before <= now_; });
    std::visit([this](const auto& one) { take(one); }, happening);
    look_at_the_clock();
    place_homeless();
    do {
        begin_moves();
    } while (place_homeless());
    if (under_way_.empty() && open_ == homeless_.size()) {
        give_up_homeless();
    }
    share_bandwidth();
    hurry_late_ones();
    actions_.insert(actions_.end(), settled_.begin(), settled_.end());
    return std::move(actions_);
}

Evacuation::State::Task* Evacuation::State::task_of(std::string_view uuid) {
    const auto id = places_.find_guest(uuid);
    const auto found = id ? task_ids_.find(*id) : task_ids_.end();
    return found == task_ids_.end() ? nullptr : &tasks_[found->second];
}

// ---- what others may know

std::optional<TimePoint> Evacuation::State::deadline() const {
    return rules_.deadline ? std::optional(begun_ + *rules_.deadline) : std::nullopt;
}

std::optional<TimePoint> Evacuation::State::wake_at() const {
    std::optional<TimePoint> first;
    const auto wake = [&](TimePoint when) {
        if (when > now_ && (!first || when < *first)) {
            first = when;
        }
    };
    for (const auto id : pausing_) {
        if (tasks_[id].waiting()) {
            wake(tasks_[id].not_before);
        }
    }
    if (open_ > under_way_.size() && deadline()) {
        wake(*deadline());
    }
    return first;
}

Standing Evacuation::State::shown(const Task& task) const {
    auto standing = task.standing;
    if (task.waiting()) {
        const auto to = places_.to(task.guest);
        standing.to = to ? places_.host(*to).name : "";
        if (!to && standing.reason.empty() && !look_for_places_) {
            standing.reason = "no place: " + places_.why_no_place(task.guest);
        }
    }
    return standing;
}

std::vector<Standing> Evacuation::State::standings() const {
    std::vector<Standing> all;
    all.reserve(tasks_.size());
    for (const auto& task : tasks_) {
        all.push_back(shown(task));
    }
    return all;
}

std::optional<Standing> Evacuation::State::standing(std::string_view uuid) const {
    const auto id = places_.find_guest(uuid);
    const auto found = id ? task_ids_.find(*id) : task_ids_.end();
    return found == task_ids_.end() ? std::nullopt : std::optional(shown(tasks_[found->second]));
}

// ---- the public face

Evacuation::Evacuation(const Rules& rules, const Fleet& fleet, TimePoint begun,
                       const std::vector<Standing>& before)
    : state_(std::make_unique<State>(rules, fleet, begun, before)) {}
Evacuation::Evacuation(const Evacuation& other) : state_(std::make_unique<State>(*other.state_)) {}
Evacuation::Evacuation(Evacuation&& other) noexcept = default;
Evacuation::~Evacuation() = default;

std::vector<Action> Evacuation::happened(const Happening& happening, TimePoint at) {
    return state_->happened(happening, at);
}
std::optional<TimePoint> Evacuation::wake_at() const {
    return state_->wake_at();
}
bool Evacuation::over() const {
    return state_->over();
}
std::vector<Standing> Evacuation::standings() const {
    return state_->standings();
}
std::optional<Standing> Evacuation::standing(std::string_view uuid) const {
    return state_->standing(uuid);
}
const Rules& Evacuation::rules() const {
    return state_->rules();
}
TimePoint Evacuation::begun() const {
    return state_->begun();
}
const Placement& Evacuation::placement() const {
    return state_->placement();
}
std::vector<Evacuation::Running> Evacuation::running(TimePoint now) const {
    return state_->running(now);
}

}  // namespace vmigrate::fleet
