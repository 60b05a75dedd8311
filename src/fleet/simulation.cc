// SPDX-License-Identifier: GPL-2.0-or-later
#include "fleet/simulation.h"

#include <algorithm>
#include <deque>
#include <random>

#include "base/overloaded.h"
#include "fleet/fair_shares.h"

namespace vmigrate::fleet {
namespace {

/// However the dice fall, no move takes less than that share of what is predicted.
constexpr double kLeastNoise = 0.3;

struct Flight {
    Flight(const Placement& placement, GuestId guest, const Journey& on_its_way)
        : from(placement.at(guest)), to(*placement.to(guest)), journey(on_its_way) {
        played.uuid = placement.guest(guest).uuid;
        played.from = placement.host(from).name;
        played.to = placement.host(to).name;
        played.hurried = journey.hurried();
    }
    PlayedMove played;
    HostId from;
    HostId to;
    Journey journey;
    BytesPerSecond speed;
    BytesPerSecond limit;
    std::optional<MoveEnded> failure;  ///< what it ends with
    milliseconds fails_in{};           ///< from now
    bool told_sending = true;
};

class World {
  public:
    World(Evacuation evacuation, TimePoint now, const Weather& weather)
        : evacuation_(std::move(evacuation)),
          weather_(weather),
          random_(weather.seed),
          start_(now),
          now_(now) {
        const auto& placement = evacuation_.placement();
        for (const auto& running : evacuation_.running(now)) {
            Flight flight(placement, running.guest, running.journey);
            flight.limit = running.share;
            flights_.push_back(std::move(flight));
        }
        for (HostId id = 0; id < placement.hosts(); ++id) {
            const auto& host = placement.host(id);
            if (!placement.emptied(id) && host.closed.empty() && chance(weather.failing_hosts)) {
                dying_.emplace_back(now + part_of(weather.storm), id);
            }
        }
        std::ranges::sort(dying_);
    }

    Played go() {
        tell(TimePassed{});
        tell_of_flow();
        set_speeds();
        while (const auto step = until_next()) {
            for (auto& flight : flights_) {
                flight.journey.advance(*step, flight.speed);
                flight.fails_in -= std::min(flight.fails_in, *step);
            }
            now_ += *step;
            let_hosts_die();
            land();
            tell_of_flow();
            if (const auto wake = wake_; wake && *wake <= now_) {
                tell(TimePassed{});
            }
            set_speeds();
        }
        played_.standings = evacuation_.standings();
        played_.over = evacuation_.over();
        return std::move(played_);
    }

  private:
    bool chance(double share) {
        return share > 0 && std::uniform_real_distribution<>(0, 1)(random_) < share;
    }
    milliseconds part_of(milliseconds time) {
        return milliseconds(std::uniform_int_distribution<std::int64_t>(0, time.count())(random_));
    }
    milliseconds elapsed() const { return std::chrono::duration_cast<milliseconds>(now_ - start_); }

    std::optional<milliseconds> until_next() const {
        std::optional<milliseconds> next;
        const auto consider = [&](milliseconds time) {
            next = std::max(milliseconds(0), next ? std::min(*next, time) : time);
        };
        for (const auto& flight : flights_) {
            consider(flight.journey.sending() ? flight.journey.left(flight.speed)
                                              : flight.journey.until_sending());
            if (flight.failure) {
                consider(flight.fails_in);
            }
        }
        const auto at = [&](TimePoint time) {
            consider(std::chrono::ceil<milliseconds>(time - now_));
        };
        if (wake_) {
            at(*wake_);
        }
        if (!dying_.empty() && !evacuation_.over()) {
            at(dying_.front().first);
        }
        return next;
    }

    void tell(const Happening& happening) {
        for (const auto& action : evacuation_.happened(happening, now_)) {
            std::visit(Overloaded{[&](const ShareBandwidth& share) {
                                      if (auto* flight = find(share.uuid)) {
                                          flight->limit = share.bandwidth;
                                      }
                                  },
                                  [&](const StartMove& start) { begin(start); },
                                  [&](const Hurry& hurry) {
                                      if (auto* flight = find(hurry.uuid)) {
                                          flight->played.hurried = true;
                                          flight->journey.hurry();
                                      }
                                  },
                                  [](const Settled&) {}},
                       action);
        }
        wake_ = evacuation_.wake_at();
    }

    void begin(const StartMove& start) {
        const auto& placement = evacuation_.placement();
        const auto guest = *placement.find_guest(start.uuid);
        const double noise =
            weather_.noise > 0
                ? std::max(kLeastNoise, std::normal_distribution<>(1, weather_.noise)(random_))
                : 1.0;
        Flight flight(placement, guest, Journey(placement.guest(guest).load, start.hurried, noise));
        flight.played.begins = elapsed();
        flight.limit = start.bandwidth;
        flight.told_sending = !weather_.tells_progress;
        if (chance(weather_.failing_moves)) {
            flight.failure = any_failure(start.uuid);
            flight.fails_in = part_of(start.expected);
        }
        flights_.push_back(std::move(flight));
        if (weather_.tells_progress) {
            quiet_.push_back(start.uuid);
        }
    }

    MoveEnded any_failure(const std::string& uuid) {
        const double dice = std::uniform_real_distribution<>(0, 1)(random_);
        if (dice < 0.03) {
            return {uuid, Outcome::unknown, Trouble::none, "nobody answers"};
        }
        if (dice < 0.15) {
            return {uuid, Outcome::failed_on_source, Trouble::guest, "a device cannot be moved"};
        }
        if (dice < 0.4) {
            return {uuid, Outcome::failed_on_source, Trouble::destination, "no room for a volume"};
        }
        return {uuid, Outcome::failed_on_source, Trouble::passing, "the connection broke"};
    }

    void let_hosts_die() {
        while (!dying_.empty() && dying_.front().first <= now_) {
            const auto id = dying_.front().second;
            dying_.pop_front();
            ++played_.dead_hosts;
            for (auto& flight : flights_) {
                if (flight.to == id) {
                    flight.fails_in = {};
                    flight.failure = chance(0.2)
                                         ? MoveEnded{flight.played.uuid, Outcome::unknown,
                                                     Trouble::none, "nobody answers"}
                                         : MoveEnded{flight.played.uuid, Outcome::failed_on_source,
                                                     Trouble::destination, "it does not answer"};
                }
            }
            auto host = evacuation_.placement().host(id);
            host.closed = "does not answer";
            tell(HostChanged{host});
        }
    }

    void land() {
        for (std::size_t i = 0; i < flights_.size();) {
            auto& flight = flights_[i];
            const bool failed = flight.failure && flight.fails_in.count() <= 0;
            const bool done =
                flight.journey.sending() && flight.journey.left(flight.speed).count() <= 0;
            if (!failed && !done) {
                ++i;
                continue;
            }
            const auto end =
                failed ? *flight.failure : MoveEnded{flight.played.uuid, Outcome::moved, {}, {}};
            flight.played.ends = elapsed();
            flight.played.outcome = end.outcome;
            played_.moves.push_back(std::move(flight.played));
            flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
            played_.total = elapsed();
            tell(end);
        }
    }

    void tell_of_flow() {
        for (const auto& uuid : std::exchange(quiet_, {})) {
            tell(MoveProgress{uuid, false, {}});
        }
        std::vector<MoveProgress> begun;
        for (auto& flight : flights_) {
            if (!flight.told_sending && flight.journey.sending()) {
                flight.told_sending = true;
                begun.push_back({flight.played.uuid, true, {}});
            }
        }
        for (const auto& progress : begun) {
            tell(progress);
        }
    }

    void set_speeds() {
        if (evacuation_.rules().bandwidth.count > 0) {
            for (auto& flight : flights_) {
                flight.speed = flight.limit;
            }
            return;
        }
        std::vector<Stream> streams;
        for (const auto& flight : flights_) {
            if (flight.journey.sending()) {
                streams.push_back({flight.from, flight.to});
            }
        }
        const auto& placement = evacuation_.placement();
        std::vector<BytesPerSecond> links;
        for (HostId id = 0; id < placement.hosts(); ++id) {
            links.push_back(placement.host(id).link);
        }
        const auto shares = fair_shares(streams, links, {});
        auto share = shares.begin();
        for (auto& flight : flights_) {
            if (flight.journey.sending()) {
                flight.speed = *share++;
            }
        }
    }

    Flight* find(const std::string& uuid) {
        const auto found = std::ranges::find_if(
            flights_, [&](const Flight& flight) { return flight.played.uuid == uuid; });
        return found == flights_.end() ? nullptr : &*found;
    }

    Evacuation evacuation_;
    Weather weather_;
    std::mt19937_64 random_;
    TimePoint start_;
    TimePoint now_;
    std::optional<TimePoint> wake_;
    std::vector<Flight> flights_;
    std::vector<std::string> quiet_;  ///< have begun, and do not send yet
    std::deque<std::pair<TimePoint, HostId>> dying_;
    Played played_;
};

}  // namespace

Played play(Evacuation evacuation, TimePoint now, const Weather& weather) {
    return World(std::move(evacuation), now, weather).go();
}

}  // namespace vmigrate::fleet
