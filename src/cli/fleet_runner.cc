// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/fleet_runner.h"

#include <algorithm>

#include "base/overloaded.h"

namespace vmigrate::cli {
namespace {

/// So that what nobody tells of is looked at now and then.
constexpr milliseconds kLongestWait{1000};

class Runner {
  public:
    Runner(fleet::Evacuation& evacuation, FleetWorld& world, FleetBook& book, FleetView& view,
           const Clock& clock)
        : evacuation_(evacuation), world_(world), book_(book), view_(view), clock_(clock) {}

    void tell(const fleet::Happening& happening) {
        const auto actions = evacuation_.happened(happening, clock_.now());
        if (const auto* ended = std::get_if<fleet::MoveEnded>(&happening)) {
            const auto now = evacuation_.standing(ended->uuid);
            if (now && !now->ended()) {
                view_.tries_again(*now, ended->reason);
            }
        }
        // what is begun is in the book first
        book_.keep(evacuation_, world_, view_);
        for (const auto& action : actions) {
            std::visit(Overloaded{[this](const fleet::ShareBandwidth& share) {
                                      world_.share(share.uuid, share.bandwidth);
                                  },
                                  [this](const fleet::StartMove& move) { start(move); },
                                  [this](const fleet::Hurry& hurry) { world_.hurry(hurry.uuid); },
                                  [this](const fleet::Settled& settled) {
                                      if (const auto guest = evacuation_.standing(settled.uuid)) {
                                          view_.settled(*guest);
                                      }
                                  }},
                       action);
        }
    }

    void run() {
        // a wish to cancel may be there before anybody moves
        for (const auto& happening : world_.wait(clock_.now())) {
            tell(happening);
        }
        tell(fleet::TimePassed{});
        for (;;) {
            tell_of_failed_starts();
            if (evacuation_.over()) {
                return;
            }
            const auto now = clock_.now();
            const auto wake = evacuation_.wake_at();
            const auto until = std::min(wake.value_or(now + kLongestWait), now + kLongestWait);
            for (const auto& happening : world_.wait(until)) {
                tell(happening);
            }
            if (wake && clock_.now() >= *wake) {
                tell(fleet::TimePassed{});
            }
        }
    }

  private:
    void start(const fleet::StartMove& move) {
        const auto guest = evacuation_.standing(move.uuid);
        if (!guest) {
            return;
        }
        view_.begins(*guest, move);
        if (const auto begun = world_.begin(move, guest->from); !begun) {
            failed_.push_back({move.uuid, Outcome::failed_on_source, fleet::Trouble::passing,
                               begun.error().message});
        }
    }

    /// Each may lead to another start, which may fail as well.
    void tell_of_failed_starts() {
        while (!failed_.empty()) {
            for (const auto& ended : std::exchange(failed_, {})) {
                tell(ended);
            }
        }
    }

    fleet::Evacuation& evacuation_;
    FleetWorld& world_;
    FleetBook& book_;
    FleetView& view_;
    const Clock& clock_;
    std::vector<fleet::MoveEnded> failed_;
};

}  // namespace

history::EvacuationGuest row_of(const fleet::Standing& standing,
                                std::optional<std::int64_t> migration) {
    return {{standing.uuid, standing.name},
            standing.from,
            standing.to,
            std::string(fleet::name_of(standing.state)),
            standing.attempts,
            standing.reason,
            migration};
}

std::optional<fleet::Standing> standing_of(const history::EvacuationGuest& row) {
    const auto state = fleet::state_named(row.state);
    if (!state) {
        return std::nullopt;
    }
    return fleet::Standing{row.guest.uuid, row.guest.name, row.from,  row.to,
                           *state,         row.attempts,   row.reason};
}

void FleetBook::keep(const fleet::Evacuation& evacuation, FleetWorld& world, FleetView& view) {
    const auto standings = evacuation.standings();
    kept_.resize(standings.size());
    for (std::size_t i = 0; i < standings.size(); ++i) {
        auto row = row_of(standings[i], world.migration_of(standings[i].uuid));
        if (row == kept_[i]) {
            continue;
        }
        if (const auto put = evacuations_.put(id_, row)) {
            kept_[i] = std::move(row);
        } else if (!std::exchange(complained_, true)) {
            view.notice(put.error().message);
        }
    }
}

void carry_out(fleet::Evacuation& evacuation, const std::vector<history::EvacuationGuest>& before,
               FleetWorld& world, FleetBook& book, FleetView& view, const Clock& clock) {
    for (const auto& row : before) {
        const auto standing = standing_of(row);
        if (standing && standing->state == fleet::Standing::State::moving) {
            world.adopt(row);
        }
    }
    Runner(evacuation, world, book, view, clock).run();
}

}  // namespace vmigrate::cli
