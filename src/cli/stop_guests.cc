// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/stop_guests.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/evacuation_report.h"
#include "libvirt/guest_loads.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kBetweenLooks{500};
constexpr milliseconds kPatience{5000};

bool is_to_stop(const history::EvacuationGuest& guest) {
    using State = fleet::Standing::State;
    return guest.state == fleet::name_of(State::unmovable) ||
           guest.state == fleet::name_of(State::failed_on_source);
}

using Guests = std::vector<history::EvacuationGuest*>;

bool interrupted_within(EventQueue& interrupts, TimePoint until) {
    const auto event = interrupts.next(until);
    return event && std::holds_alternative<AbortRequested>(event->what);
}

/// Those that have shut down go out of `waiting`. Error: the host does not tell.
Result<void> note_stopped(const std::shared_ptr<libvirt::Session>& session, Guests& waiting,
                          FleetView& view) {
    const auto look = libvirt::look_at_host(session, kPatience);
    if (!look) {
        return fail(look.error());
    }
    std::erase_if(waiting, [&](history::EvacuationGuest* guest) {
        const bool runs = std::ranges::any_of(look->guests, [&](const libvirt::GuestLoad& load) {
            return load.ref.uuid == guest->guest.uuid;
        });
        if (!runs) {
            guest->state = kStopped;
            view.notice(fmt::format("{}: has shut down", quoted(guest->guest.name)));
        }
        return !runs;
    });
    return {};
}

/// False when it was interrupted.
bool stop_on(const std::shared_ptr<libvirt::Session>& session, milliseconds limit, Guests waiting,
             EventQueue& interrupts, FleetView& view) {
    const auto add = [](history::EvacuationGuest& guest, const std::string& text) {
        guest.reason += (guest.reason.empty() ? "" : "; ") + text;
    };
    for (auto* guest : waiting) {
        view.notice(fmt::format("{}: is asked to shut down", quoted(guest->guest.name)));
        if (const auto asked = libvirt::ask_to_shut_down(*session, guest->guest.uuid); !asked) {
            add(*guest, asked.error().message);
        }
    }
    const SystemClock clock;
    const auto begun = clock.now();
    bool interrupted = false;
    while (!waiting.empty() && !interrupted && clock.now() < begun + limit) {
        interrupted = interrupted_within(interrupts, clock.now() + kBetweenLooks);
        if (const auto noted = note_stopped(session, waiting, view); !noted) {
            view.notice(noted.error().message);
            break;
        }
    }
    for (auto* guest : waiting) {
        const auto waited = std::chrono::duration_cast<milliseconds>(clock.now() - begun);
        add(*guest,
            fmt::format("did not shut down within {}", format_time(interrupted ? waited : limit)));
    }
    return !interrupted;
}

}  // namespace

bool stop_guests(const Config& config, milliseconds limit,
                 std::vector<history::EvacuationGuest>& guests, EventQueue& interrupts,
                 FleetView& view) {
    std::map<std::string, Guests> by_host;
    for (auto& guest : guests) {
        if (is_to_stop(guest)) {
            by_host[guest.from].push_back(&guest);
        }
    }
    for (const auto& [name, there] : by_host) {
        const auto access = config.host(name);
        auto session = access ? libvirt::Session::open(*access) : fail(access.error());
        if (!session) {
            view.notice(session.error().message);
        } else if (!stop_on(std::move(*session), limit, there, interrupts, view)) {
            return false;
        }
    }
    return true;
}

}  // namespace vmigrate::cli
