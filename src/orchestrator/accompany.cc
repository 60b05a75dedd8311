// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/accompany.h"

#include <fmt/format.h>

#include "orchestrator/verdict.h"

namespace vmigrate {
namespace {

constexpr milliseconds kAskAgain{500};
/// How long both daemons may leave it unclear who has the guest.
constexpr milliseconds kUnclear{60'000};

class Accompaniment {
  public:
    explicit Accompaniment(const AccompanyEdges& edges) : edges_(edges) {}

    Accompanied run() {
        if (const auto end = lock()) {
            return *end;
        }
        // without the flows on the destination their controller has to answer: no reason to stop
        check("the guest's flows do not follow", edges_.network.begin());
        for (;;) {
            if (const auto event = edges_.events.next(edges_.clock.now() + kAskAgain)) {
                took(*event);
            } else {
                ask();
            }
            if (end_) {
                return *end_;
            }
        }
    }

  private:
    std::optional<Accompanied> lock() {
        const auto others = edges_.network.moved_by_another();
        if (others && *others) {
            return Accompanied::others;
        }
        const auto locked = others ? edges_.network.lock() : Result<void>(fail(others.error()));
        if (!locked) {
            check("the network is not turned", locked);
            check("network not rolled back", edges_.network.rollback());
            return Accompanied::failed;
        }
        return std::nullopt;
    }

    void took(const Event& event) {
        const bool at_source = event.side == Side::source;
        if (at_source && std::holds_alternative<GuestStopped>(event.what)) {
            check("network not redirected", edges_.network.redirect());
        } else if (at_source && std::holds_alternative<GuestResumed>(event.what)) {
            // it may be tried again by itself; the daemons tell when it is over
            check("redirect of the network not withdrawn", edges_.network.withdraw());
        } else if (std::holds_alternative<GuestResumed>(event.what)) {
            moved();
        }
    }

    void ask() {
        Truth truth;
        truth.source = edges_.hypervisor.guest_state(Side::source);
        truth.destination = edges_.hypervisor.guest_state(Side::destination);
        truth.job_active = edges_.hypervisor.job_active();
        const auto now = edges_.clock.now();
        const auto verdict = judge(truth);
        switch (verdict.kind) {
            case Verdict::Kind::on_destination:
                moved();
                break;
            case Verdict::Kind::on_source:
                check("network not rolled back", edges_.network.rollback());
                end_ = Accompanied::stayed;
                break;
            case Verdict::Kind::still_migrating:
            case Verdict::Kind::half_moved:
                unclear_since_.reset();
                break;
            case Verdict::Kind::unknown:
                unclear_since_ = unclear_since_.value_or(now);
                if (now - *unclear_since_ >= kUnclear) {
                    edges_.notice(verdict.reason);
                    end_ = Accompanied::unknown;
                }
                break;
        }
    }

    void moved() {
        check("network not committed", edges_.network.commit());
        check("network not drained", edges_.network.drain());
        end_ = Accompanied::moved;
    }

    void check(const char* what, const Result<void>& done) {
        if (!done) {
            edges_.notice(fmt::format("{}: {}", what, done.error().message));
        }
    }

    const AccompanyEdges& edges_;
    std::optional<Accompanied> end_;
    std::optional<TimePoint> unclear_since_;
};

}  // namespace

Accompanied accompany(const AccompanyEdges& edges) {
    return Accompaniment(edges).run();
}

}  // namespace vmigrate
