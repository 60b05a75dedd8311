// SPDX-License-Identifier: GPL-2.0-or-later
#include "handover/ovs_refresh.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <thread>

#include "handover/ovs_bridge.h"
#include "netflow/flow_monitor.h"
#include "netflow/refresh.h"

namespace vmigrate::handover {
namespace {

using namespace netflow;

constexpr milliseconds first_pause{1000};
constexpr milliseconds longest_pause{4000};
constexpr milliseconds between_looks{50};
/// What a controller deletes when it hears of the move may be what it has just made.
constexpr milliseconds steady{2000};
/// A controller has others to serve, too.
constexpr std::size_t questions_at_once = 100;
/// More at once stall the traffic of a switch that forwards with the thread that takes them.
constexpr std::size_t changes_at_once = 100;
constexpr milliseconds pause_between{1};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

std::vector<Watched> flows_to(const std::vector<OvsNic>& nics) {
    std::vector<Watched> sets;
    for (const auto& nic : nics) {
        sets.push_back({TableId::all, Port::any, sent_to(nic.mac).match});
    }
    return sets;
}

}  // namespace

/// One switch. The monitor belongs to its thread, the rest to who has the mutex.
struct OvsRefresh::Bridge {
    Bridge(const OvsHost& host, const OvsTask& task, Refresh::Role its_role)
        : role(its_role),
          monitor(host.openflow, flows_to(task.nics), task.times.request),
          access(host, task.times.request) {}

    void look();
    void begin();
    void carry_out(const Refresh::Work& work);
    void ask_when_due(bool controller_knows);
    bool is_settled() const;

    const Refresh::Role role;
    FlowMonitor monitor;
    std::mutex mutex;
    OvsBridge access;
    std::optional<Move> move;  ///< it is to begin
    bool listening = false;    ///< from now on nothing is missed
    std::optional<Refresh> refresh;
    TimePoint ask_at = TimePoint::max();
    milliseconds pause = first_pause;
    bool told = false;  ///< that the controller knows
    std::string problem;
    bool settled = false;  ///< belongs to the mutex of all
    std::thread thread;
};

/// The flows are asked for, as the monitor does not tell their flags.
void OvsRefresh::Bridge::begin() {
    FlowList flows;
    for (const auto& nic : move->nics) {
        auto found = access.flows(sent_to(nic.mac));
        if (!found) {
            problem = found.error().message;
            return;
        }
        std::ranges::move(*found, std::back_inserter(flows));
    }
    problem.clear();
    ask_at = now() + pause;
    refresh.emplace(*move, role);
    carry_out(refresh->begin(flows));
}

bool OvsRefresh::Bridge::is_settled() const {
    return refresh ? refresh->waiting() == 0 : !move || !monitor.problem().empty();
}

/// Takes what the switch has told, and does what follows from it at once.
void OvsRefresh::Bridge::look() {
    Refresh::Work work;
    while (const auto change = monitor.next()) {
        if (refresh) {
            work.append(refresh->take(*change));
        }
    }
    carry_out(work);
    listening = monitor.synchronized();
    if (move && !refresh && listening) {
        begin();
    }
}

void OvsRefresh::Bridge::ask_when_due(bool controller_knows) {
    if (controller_knows && !told) {
        told = true;
        ask_at = now();
    }
    if (now() < ask_at) {
        return;
    }
    if (told || role != Refresh::Role::source) {
        carry_out(refresh->ask(questions_at_once));
    }
    ask_at = now() + pause;
    pause = std::min(2 * pause, longest_pause);
}

void OvsRefresh::Bridge::carry_out(const Refresh::Work& work) {
    Result<void> done;
    const std::span<const FlowMod> all(work.changes);
    for (std::size_t at = 0; done && at < all.size(); at += changes_at_once) {
        if (at > 0) {
            std::this_thread::sleep_for(pause_between);
        }
        const auto some = all.subspan(at, std::min(changes_at_once, all.size() - at));
        done = access.apply(
            {"refresh", access.host().name, {some.begin(), some.end()}, Step::Duty::report});
    }
    for (const auto& question : work.questions) {
        if (done) {
            done = access.send(question);
        }
    }
    if (!done) {
        problem = done.error().message;
    }
}

OvsRefresh::OvsRefresh(const OvsTask& task) {
    const auto add = [&](const OvsHost& host, Refresh::Role role) {
        bridges_.push_back(std::make_unique<Bridge>(host, task, role));
    };
    add(task.source, Refresh::Role::source);
    add(task.destination, Refresh::Role::destination);
    for (const auto& peer : task.peers) {
        add(peer, Refresh::Role::peer);
    }
    for (auto& bridge : bridges_) {
        bridge->thread = std::thread([this, &one = *bridge] { follow(one); });
    }
}

OvsRefresh::~OvsRefresh() {
    stop();
}

void OvsRefresh::stop() {
    stop_ = true;
    for (auto& bridge : bridges_) {
        if (bridge->thread.joinable()) {
            bridge->thread.join();
        }
    }
}

void OvsRefresh::begin(const std::string& host, const Move& move) {
    for (auto& bridge : bridges_) {
        if (bridge->access.host().name != host) {
            continue;
        }
        {
            const std::scoped_lock all(mutex_);
            bridge->settled = false;
        }
        const std::scoped_lock lock(bridge->mutex);
        if (!bridge->move) {
            bridge->move = move;
            if (bridge->listening) {
                bridge->begin();
            }
        }
    }
}

void OvsRefresh::follow(Bridge& bridge) {
    while (!stop_) {
        bridge.monitor.wait(now() + between_looks);
        const std::scoped_lock lock(bridge.mutex);
        bridge.look();
        if (bridge.refresh) {
            if (bridge.refresh->controller_knows()) {
                controller_knows_ = true;
            }
            bridge.ask_when_due(controller_knows_);
        }
        const std::scoped_lock all(mutex_);
        bridge.settled = bridge.is_settled();
        changed_.notify_all();
    }
    const std::scoped_lock lock(bridge.mutex);
    bridge.look();
    if (bridge.refresh) {
        bridge.carry_out(bridge.refresh->end());
    }
}

void OvsRefresh::wait(TimePoint until) {
    std::unique_lock lock(mutex_);
    const auto settled = [this] {
        return std::ranges::all_of(bridges_, [](const auto& one) { return one->settled; });
    };
    while (changed_.wait_until(lock, until, settled) && now() < until) {
        if (!changed_.wait_until(lock, std::min(until, now() + steady), std::not_fn(settled))) {
            return;
        }
    }
}

std::vector<std::string> OvsRefresh::end() {
    stop();
    std::vector<std::string> problems;
    for (const auto& bridge : bridges_) {
        const auto& name = bridge->access.host().name;
        if (!bridge->move) {
            continue;
        }
        if (!bridge->refresh && bridge->problem.empty()) {
            problems.push_back("switch of " + name + ": " +
                               (bridge->monitor.problem().empty() ? "it did not tell its flows"
                                                                  : bridge->monitor.problem()));
        } else if (!bridge->problem.empty()) {
            problems.push_back(bridge->problem);
        } else if (const auto left = bridge->refresh->problem(); !left.empty()) {
            problems.push_back("switch of " + name + ": " + left);
        }
    }
    return problems;
}

}  // namespace vmigrate::handover
