// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/net_follow.h"

#include <fmt/format.h>

#include <future>
#include <thread>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/network.h"
#include "libvirt/migration.h"
#include "libvirt/survey.h"
#include "orchestrator/accompany.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kPatience = seconds(5);
constexpr int kSearches = 5;
constexpr milliseconds kBetweenSearches{300};

struct Source {
    std::unique_ptr<libvirt::Session> session;
    GuestFacts guest;
};

/// Nothing: the guest does not run there, or nobody answers.
std::optional<Source> look_at(const libvirt::HostAccess& access, const std::string& guest) {
    auto session = libvirt::Session::open(access, kPatience);
    if (!session) {
        return std::nullopt;
    }
    auto found = libvirt::find_guest(**session, guest);
    if (!found || !*found ||
        ((*found)->state != GuestState::running && (*found)->state != GuestState::paused)) {
        return std::nullopt;
    }
    return Source{std::move(*session), std::move(**found)};
}

Result<Source> find_source(const Config& config, const std::string& guest,
                           const std::string& destination) {
    for (int search = 0; search < kSearches; ++search) {
        std::vector<std::future<std::optional<Source>>> asked;
        for (const auto& access : config.hosts) {
            if (access.name != destination) {
                asked.push_back(std::async(std::launch::async, look_at, access, guest));
            }
        }
        std::vector<Source> found;
        for (auto& answer : asked) {
            if (auto source = answer.get()) {
                found.push_back(std::move(*source));
            }
        }
        if (found.size() == 1) {
            return std::move(found.front());
        }
        if (found.size() > 1) {
            return fail(ErrorKind::blocked,
                        fmt::format("guest {} runs on host {} and on host {}: which of them it "
                                    "leaves cannot be told",
                                    quoted(guest), quoted(found[0].session->access().name),
                                    quoted(found[1].session->access().name)));
        }
        std::this_thread::sleep_for(kBetweenSearches);
    }
    return fail(ErrorKind::not_found,
                fmt::format("no other host that answers runs guest {}", quoted(guest)));
}

int exit_code_of(Accompanied end) {
    switch (end) {
        case Accompanied::moved:
        case Accompanied::others:
            return kExitDone;
        case Accompanied::stayed:
            return kExitStays;
        case Accompanied::failed:
            return kExitBlocked;
        case Accompanied::unknown:
            break;
    }
    return kExitUnknown;
}

}  // namespace

int follow_network(const Config& config, const std::string& guest, const std::string& destination) {
    const auto access = config.host(destination);
    if (!access) {
        return complain(access.error());
    }
    if (backend_of(config.network, destination) == "none") {
        return kExitDone;
    }
    const SystemClock clock;
    const auto store = open_history(config, history::Store::Access::read_write, clock);
    if (!store) {
        return complain(store.error());
    }
    const libvirt::EventLoop loop;
    const auto source = find_source(config, guest, destination);
    if (!source) {
        return complain(source.error());
    }
    const auto session = libvirt::Session::open(*access, kPatience);
    if (!session) {
        return complain(session.error());
    }
    EventQueue events;
    const auto hypervisor =
        libvirt::make_hypervisor(*source->session, **session, source->guest.ref, events);
    if (!hypervisor) {
        return complain(hypervisor.error());
    }
    const auto registry = (*store)->locations();
    const auto network = make_network(
        config, Options{},
        {source->guest, source->session->access().name, destination, *registry, session->get()});
    if (!network) {
        return complain(network.error());
    }
    return exit_code_of(accompany({**hypervisor, **network, events, clock, print_error}));
}

}  // namespace vmigrate::cli
