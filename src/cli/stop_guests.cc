// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/stop_guests.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

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

void stop_on(const std::shared_ptr<libvirt::Session>& session, milliseconds limit, Guests waiting,
             FleetView& view) {
    const auto add = [](history::EvacuationGuest& guest, const std::string& text) {
        guest.reason += (guest.reason.empty() ? "" : "; ") + text;
    };
    for (auto* guest : waiting) {
        view.notice(fmt::format("{}: is asked to shut down", quoted(guest->guest.name)));
        if (const auto asked = libvirt::ask_to_shut_down(*session, guest->guest.uuid); !asked) {
            add(*guest, asked.error().message);
        }
    }
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!waiting.empty() && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(kBetweenLooks);
        if (const auto noted = note_stopped(session, waiting, view); !noted) {
            view.notice(noted.error().message);
            break;
        }
    }
    for (auto* guest : waiting) {
        add(*guest, fmt::format("did not shut down within {}", format_time(limit)));
    }
}

}  // namespace

void stop_guests(const Config& config, milliseconds limit,
                 std::vector<history::EvacuationGuest>& guests, FleetView& view) {
    std::map<std::string, Guests> by_host;
    for (auto& guest : guests) {
        if (is_to_stop(guest)) {
            by_host[guest.from].push_back(&guest);
        }
    }
    for (const auto& [name, there] : by_host) {
        const auto access = config.host(name);
        auto session = access ? libvirt::Session::open(*access) : fail(access.error());
        if (session) {
            stop_on(std::move(*session), limit, there, view);
        } else {
            view.notice(session.error().message);
        }
    }
}

}  // namespace vmigrate::cli
