// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/flow_monitor.h"

#include <algorithm>

namespace vmigrate::netflow {
namespace {

constexpr milliseconds first_pause{50};
constexpr milliseconds longest_pause{2000};

TimePoint clock_now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

FlowMonitor::FlowMonitor(Endpoint endpoint, std::vector<Watched> watched, milliseconds timeout,
                         Wanted wanted)
    : endpoint_(std::move(endpoint)),
      watched_(std::move(watched)),
      timeout_(timeout),
      wanted_(std::move(wanted)),
      retry_at_(clock_now()),
      pause_(first_pause) {
    if (watched_.empty()) {
        watched_.emplace_back();
    }
}

void FlowMonitor::run() {
    const auto now = clock_now();
    if (!session_) {
        if (now < retry_at_) {
            return;
        }
        connect(now);
    }
    if (!session_) {
        return;
    }
    const auto alive = session_->pump();
    while (session_) {
        auto envelope = session_->next();
        if (!envelope) {
            break;
        }
        take(std::move(*envelope));
    }
    if (!session_) {
        return;
    }
    if (!alive) {
        lose(alive.error(), now);
    } else if (open_dumps_ > 0 && now >= dump_until_) {
        lose({ErrorKind::unreachable, "the switch did not tell its flows in time"}, now);
    }
}

void FlowMonitor::connect(TimePoint now) {
    auto session = Session::open(endpoint_, timeout_);
    if (!session) {
        lose(session.error(), now);
        return;
    }
    session_.emplace(std::move(*session));
    if (auto asked = ask_for_all(); !asked) {
        lose(asked.error(), now);
    }
}

Result<void> FlowMonitor::ask_for_all() {
    copy_.begin_dump();
    open_dumps_ = 0;
    dump_until_ = clock_now() + timeout_;
    for (const auto& set : watched_) {
        const auto number = static_cast<std::uint32_t>(open_dumps_ + 1);
        const auto xid = session_->send(FlowMonitorRequest{
            .id = number, .table = set.table, .out_port = set.out_port, .match = set.match});
        if (!xid) {
            return fail(xid.error());
        }
        if (open_dumps_++ == 0) {
            first_ask_ = *xid;
        }
    }
    return {};
}

void FlowMonitor::take(Envelope envelope) {
    const bool answers = envelope.xid - first_ask_ < watched_.size();
    if (const auto* error = std::get_if<ErrorMessage>(&envelope.message)) {
        lose({ErrorKind::network, format(*error)}, clock_now());
        return;
    }
    auto* reply = std::get_if<FlowMonitorReply>(&envelope.message);
    if (reply == nullptr) {
        return;
    }
    for (auto& update : reply->updates) {
        if (!matters(update)) {
            continue;
        }
        if (auto change = copy_.apply(std::move(update))) {
            changes_.push_back(std::move(*change));
        }
    }
    if (answers && !reply->more && open_dumps_ > 0 && --open_dumps_ == 0) {
        std::ranges::move(copy_.end_dump(), std::back_inserter(changes_));
        changes_.push_back({FlowChange::Kind::synchronized, {}, {}});
        problem_.clear();
        pause_ = first_pause;
    }
}

bool FlowMonitor::matters(const FlowUpdate& update) const {
    using Event = FlowUpdate::Event;
    const bool is_there = update.event == Event::initial || update.event == Event::added ||
                          update.event == Event::modified;
    return !wanted_ || !is_there || wanted_(update.flow) ||
           copy_.flows().contains(FlowKey::of(update.flow));
}

void FlowMonitor::lose(const Error& error, TimePoint now) {
    if (problem_.empty()) {
        changes_.push_back({FlowChange::Kind::lost, {}, {}});
    }
    problem_ = error.message;
    session_.reset();
    open_dumps_ = 0;
    retry_at_ = now + pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
}

std::optional<FlowChange> FlowMonitor::next() {
    if (changes_.empty()) {
        return std::nullopt;
    }
    auto change = std::move(changes_.front());
    changes_.pop_front();
    return change;
}

std::optional<int> FlowMonitor::fd() const {
    return session_ ? std::optional(session_->fd()) : std::nullopt;
}

TimePoint FlowMonitor::deadline() const {
    if (!session_) {
        return retry_at_;
    }
    const auto due = session_->deadline().value_or(retry_at_);
    return open_dumps_ > 0 ? std::min(due, dump_until_) : due;
}

bool FlowMonitor::wait(TimePoint until) {
    run();
    while (changes_.empty()) {
        if (clock_now() >= until) {
            return false;
        }
        const auto due = std::min(until, deadline());
        // without a connection there is nothing but the time to wait for
        static_cast<void>(wait_for(fd().value_or(-1), events(), due));
        run();
    }
    return true;
}

}  // namespace vmigrate::netflow
