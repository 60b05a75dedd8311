// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/events.h"

namespace vmigrate {

void EventQueue::push(Event event) {
    {
        const std::scoped_lock lock(mutex_);
        events_.push_back(std::move(event));
    }
    arrived_.notify_one();
}

std::optional<Event> EventQueue::next(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_until(lock, deadline, [this] { return !events_.empty(); })) {
        return std::nullopt;
    }
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
}

}  // namespace vmigrate
