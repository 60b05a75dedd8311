// SPDX-License-Identifier: GPL-2.0-or-later
//
// Ovs: the end of a move.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thread>

#include "handover/ovs.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

constexpr milliseconds between_drain_looks{200};
/// What comes by the relay comes from somebody who was not told, or whose controller wrote the old
/// flow back: it is replaced again, less and less often.
constexpr seconds first_replace_again{1};
constexpr seconds slowest_replace_again{32};
/// Senders are replaced at once; what comes this long after is of one that was not.
constexpr seconds quiet_enough{2};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

}  // namespace

Ovs::Drained Ovs::watch_relays() {
    FlowFilter relays;
    relays.cookies = CookieFilter::exactly(cookie_of(move_, FlowKind::relay));
    const auto until = now() + task_.times.alarm;
    std::uint64_t packets = 0;
    std::uint64_t replaced_for = 0;
    auto quiet_since = now();
    auto pause = first_replace_again;
    auto next_round = now() + pause;
    for (;;) {
        const auto left = source_.stats(relays);
        // a switch that has been restarted has none for a moment
        if (left && left->empty() && !(follower_ && follower_->guards_relays())) {
            return Drained::gone;
        }
        std::uint64_t sum = 0;
        for (const auto& one : left.value_or(std::vector<FlowStats>{})) {
            sum += one.packets;
        }
        if (!left || sum != packets) {
            packets = sum;
            quiet_since = now();
        }
        if (overtaken()) {
            return Drained::overtaken;
        }
        if (now() >= next_round && packets != replaced_for) {
            static_cast<void>(replace_at_peers());
            replaced_for = packets;
            pause = std::min(2 * pause, slowest_replace_again);
            next_round = now() + pause;
        }
        if (now() - quiet_since >= quiet_enough) {
            return Drained::quiet;
        }
        if (now() >= until) {
            if (!left) {
                problems_.push_back(left.error().message);
            }
            return left ? Drained::busy : Drained::unknown;
        }
        std::this_thread::sleep_for(between_drain_looks);
    }
}

std::vector<std::string> Ovs::stale_senders() {
    std::vector<std::string> names;
    for (auto& peer : peers_) {
        for (const auto& nic : move_.nics) {
            const auto flows = peer.flows(sent_to(nic.mac));
            if (!flows || !vmigrate::netflow::replace_at_peer(peer.host().name, *flows, move_)
                               .changes.empty()) {
                names.push_back(peer.host().name);
                break;
            }
        }
    }
    return names;
}

Result<void> Ovs::drain() {
    if (!committed_) {
        return {};
    }
    const auto refresh_until = now() + task_.times.refresh;
    if (task_.refresh == RefreshBy::program) {
        if (const auto done = run_step(task_.program, "refresh"); !done) {
            problems_.push_back(done.error().message);
        }
    }
    const auto drained = watch_relays();
    if (refresh_) {
        if (drained != Drained::overtaken) {
            refresh_->wait(refresh_until);
        }
        std::ranges::move(refresh_->end(), std::back_inserter(problems_));
        refresh_.reset();
    }
    if (drained == Drained::busy) {
        const auto stale = stale_senders();
        problems_.push_back(
            fmt::format("{} still relays to {} after {}; senders that were not updated: {}",
                        move_.source.name, move_.destination.name, format_time(task_.times.alarm),
                        stale.empty() ? "none of the peers that are configured"
                                      : fmt::format("{}", fmt::join(stale, ", "))));
    }
    const auto copies = follower_ ? follower_->copies() : std::vector<HandedOver>{};
    stop_following();
    const auto relays = drained == Drained::gone ? Relays::go : Relays::stay;
    for (const auto& step : finish(move_, copies, cutover_.ways_back, relays)) {
        static_cast<void>(apply(step));
    }
    free_both();  // not sooner: a switch looks at all of its configuration then
    return outcome();
}

}  // namespace vmigrate::handover
