// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/schedule.h"

#include <algorithm>
#include <cmath>

#include "fleet/move_time.h"

namespace vmigrate::fleet {
namespace {

/// Guests that write less are all idle; above, twice as much is another class.
constexpr double kIdle = 1 << 20U;

double per_second(BytesPerSecond rate) {
    return rate.count > 0 ? static_cast<double>(rate.count) : INFINITY;
}

double as_seconds(milliseconds time) {
    return static_cast<double>(time.count()) / 1000;
}

/// Something that moves need, one way or the other: a link, or places for moves at the same time.
struct Use {
    double bytes = 0;
    double seconds = 0;  ///< of moves, one after another
    void add(const MoveTime& time) {
        bytes += static_cast<double>(time.sent.count);
        seconds += as_seconds(time.total());
    }
};

class Worst {
  public:
    void take(const Use& use, double rate, double places) {
        links_ = std::max(links_, use.bytes / rate);
        limits_ = std::max(limits_, use.seconds / std::max(1.0, places));
    }
    void take_move(const MoveTime& time) { limits_ = std::max(limits_, as_seconds(time.total())); }
    Bound bound() const { return {whole(links_), whole(limits_)}; }

  private:
    static milliseconds whole(double seconds) {
        return milliseconds(static_cast<std::int64_t>(seconds * 1000));
    }
    double links_ = 0;
    double limits_ = 0;
};

}  // namespace

Turn turn_of(const Guest& guest, Order order, milliseconds expected) {
    switch (order) {
        case Order::small_first:
            return {static_cast<double>(guest.load.once().count), expected};
        case Order::idle_first: {
            const double rate = static_cast<double>(guest.load.dirty_rate.count);
            return {rate <= kIdle ? 0.0 : std::ceil(std::log2(rate / kIdle)), expected};
        }
        case Order::priority:
            return {-static_cast<double>(guest.priority), expected};
    }
    return {0, expected};
}

Bound bound_of(const std::vector<Transfer>& transfers, const std::vector<Host>& hosts,
               BytesPerSecond bandwidth, unsigned most_parallel) {
    double widest = 0;
    double all_links = 0;
    double all_places = 0;
    for (const auto& host : hosts) {
        if (host.most_in > 0) {
            widest = std::max(widest, per_second(host.link));
            all_links += per_second(host.link);
            all_places += host.most_in;
        }
    }
    std::vector<Use> out(hosts.size());
    std::vector<Use> in(hosts.size());
    Use anywhere;
    Use all;
    Worst worst;
    for (const auto& transfer : transfers) {
        const double into = transfer.to ? per_second(hosts[*transfer.to].link) : widest;
        const double best =
            std::min({per_second(hosts[transfer.from].link), into, per_second(bandwidth)});
        const auto time =
            move_time(transfer.load, {std::isfinite(best) ? static_cast<std::uint64_t>(best) : 0});
        out[transfer.from].add(time);
        (transfer.to ? in[*transfer.to] : anywhere).add(time);
        all.add(time);
        worst.take_move(time);
    }
    for (HostId id = 0; id < hosts.size(); ++id) {
        worst.take(out[id], per_second(hosts[id].link), hosts[id].most_out);
        worst.take(in[id], per_second(hosts[id].link), hosts[id].most_in);
    }
    worst.take(anywhere, all_links > 0 ? all_links : INFINITY, all_places);
    worst.take(all, per_second(bandwidth), most_parallel);
    return worst.bound();
}

}  // namespace vmigrate::fleet
