// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/deletions.h"

#include <algorithm>
#include <unordered_set>

#include "netflow/flow_monitor.h"
#include "netflow/real_switches.h"
#include "netflow/traffic.h"

namespace vmigrate::test {
namespace {

using std::chrono::microseconds;

constexpr milliseconds between_deletions{50};
constexpr milliseconds patience{40};
constexpr milliseconds between_datagrams{1};
constexpr milliseconds after_the_last{300};

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// Of the guest's, or ours for it.
bool is_for_guest(const Flow& flow) {
    Move move;
    move.nics = {{mac(1), vni, Port::any, Port::any}};
    return flow.match.get(field::eth_dst) == mac(1) || relays_guest(flow, move);
}

class Watch {
  public:
    explicit Watch(const std::string& name) : monitor_(host(name).openflow, {}, seconds(5)) {
        while (!monitor_.synchronized()) {
            CHECK(monitor_.wait(now() + seconds(5)));
            forget();
        }
    }

    void after(Switch& collector, const FlowMod& deletion, DeletionFigures& figures) {
        monitor_.run();
        forget();
        gone_.clear();
        const auto began = now();
        MUST(collector.post({&deletion, 1}));
        bool went = false;
        while (monitor_.wait(began + patience)) {
            while (const auto change = monitor_.next()) {
                went |= take(*change);
            }
            if (went && gone_.empty()) {
                figures.away.push_back(std::chrono::ceil<microseconds>(now() - began));
                return;
            }
        }
        figures.never_back += went ? 1 : 0;
    }

  private:
    void forget() {
        while (monitor_.next()) {
        }
    }

    bool take(const FlowChange& change) {
        if (!is_for_guest(change.flow)) {
            return false;
        }
        const auto key = FlowKey::of(change.flow);
        if (change.kind == FlowChange::Kind::removed) {
            gone_.insert(key);
            return true;
        }
        gone_.erase(key);
        return false;
    }

    FlowMonitor monitor_;
    std::unordered_set<FlowKey, FlowKeyHash> gone_;
};

FlowMod deletion(const Match& match, CookieFilter cookies = {}) {
    FlowMod result = FlowMod::remove_all(cookies);
    result.flow.match = match;
    return result;
}

struct Place {
    std::string name;
    std::string at;
    /// Brings the move there.
    void (*reach)(Ovs&);
};

const std::vector<Place>& all_places() {
    static const std::vector<Place> all{{"serving at a", "a", [](Ovs& it) { MUST(it.lock()); }},
                                        {"redirect at a", "a",
                                         [](Ovs& it) {
                                             MUST(it.lock());
                                             MUST(it.begin());
                                             MUST(it.redirect());
                                         }},
                                        {"copies at b", "b",
                                         [](Ovs& it) {
                                             MUST(it.lock());
                                             MUST(it.begin());
                                             MUST(it.redirect());
                                         }},
                                        {"relay at a", "a", [](Ovs& it) {
                                             MUST(it.lock());
                                             MUST(it.begin());
                                             MUST(it.redirect());
                                             MUST(it.commit());
                                         }}};
    return all;
}

std::vector<std::pair<std::string, FlowMod>> all_deletions(const Place& place) {
    const bool controllers = place.name == "serving at a";
    return {
        {"tun_id,dl_dst", deletion(Match().set(field::tunnel_id, vni).set(field::eth_dst, mac(1)))},
        {"dl_dst", deletion(Match().set(field::eth_dst, mac(1)))},
        {"in_port", deletion(Match().set(field::in_port, tunnel))},
        {"cookie", deletion({}, controllers ? CookieFilter::exactly({0x5d4c0001}) : own_flows())}};
}

DeletionFigures measure(const Place& place, const std::string& by, const FlowMod& deletion,
                        unsigned times) {
    DeletionFigures figures;
    figures.where = place.name;
    figures.by = by;
    figures.deletions = times;
    settle_on_a();
    Registry registry;
    auto work = task("a", "b");
    work.peers.clear();  // so that senders go on to send to a
    work.nics[0].vni = vni;
    work.times.relay_idle = seconds(600);
    Ovs network(work, registry);
    place.reach(network);
    auto collector = connect(place.at);
    Watch watch(place.at);
    Traffic traffic({"sp"}, {"ga", "gb"});
    traffic.start(between_datagrams);
    std::this_thread::sleep_for(milliseconds(200));
    auto next = now();
    for (unsigned i = 0; i < times; ++i) {
        watch.after(collector, deletion, figures);
        next += between_deletions;
        std::this_thread::sleep_until(next);
    }
    std::this_thread::sleep_for(after_the_last);
    const auto tally = traffic.stop();
    figures.lost = tally.lost;
    figures.lost_at_the_end = tally.lost_at_the_end;
    CHECK(tally.duplicated == 0);
    std::ranges::sort(figures.away);
    return figures;
}

}  // namespace

std::vector<DeletionFigures> delete_and_watch(unsigned times) {
    std::vector<DeletionFigures> all;
    for (const auto& place : all_places()) {
        for (const auto& [by, deletion] : all_deletions(place)) {
            all.push_back(measure(place, by, deletion, times));
        }
    }
    return all;
}

}  // namespace vmigrate::test
