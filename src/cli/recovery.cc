// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recovery.h"

#include <fmt/format.h>

#include <vector>

#include "cli/command.h"
#include "cli/drain.h"
#include "cli/follow.h"
#include "cli/network.h"
#include "history/unfinished.h"
#include "libvirt/migration.h"
#include "libvirt/survey.h"
#include "orchestrator/verdict.h"

namespace vmigrate::cli {
namespace {

/// Everything that only `recover` itself has to outlive.
struct Connected {
    std::unique_ptr<libvirt::Session> source;
    std::unique_ptr<libvirt::Session> destination;
    std::unique_ptr<Hypervisor> hypervisor;
    std::unique_ptr<LocationRegistry> locations;
    std::unique_ptr<NetworkHandover> network;
    std::optional<Error> silent;  ///< of the host that does not answer
};

/// As it is on either side; one of them may have lost it.
Result<GuestFacts> find_guest(const std::vector<libvirt::Session*>& sessions,
                              const GuestRef& guest) {
    GuestFacts facts;
    facts.ref = guest;
    facts.state = GuestState::shut_off;  // no traffic where it is nowhere
    for (auto* session : sessions) {
        if (session->connection() == nullptr) {
            continue;
        }
        auto found = libvirt::describe_guest(*session, guest.uuid);
        if (!found) {
            return fail(found.error());
        }
        if (*found && (*found)->state != GuestState::shut_off) {
            return std::move(**found);
        }
    }
    return facts;
}

/// An unopened session and the reason in `silent` when the host does not answer.
Result<std::unique_ptr<libvirt::Session>> session_to(const Config& config, const std::string& name,
                                                     std::optional<Error>& silent) {
    const auto host = config.host(name);
    if (!host) {
        return fail(host.error());
    }
    auto session = libvirt::Session::open(*host);
    if (session || session.error().kind != ErrorKind::unreachable || silent) {
        return session;
    }
    silent = session.error();
    return libvirt::Session::unopened(*host);
}

/// Of the two hosts one may be silent.
Result<Connected> connect(const Config& config, history::Store& store, const history::Entry& entry,
                          EventQueue& events) {
    std::optional<Error> silent;
    auto source = session_to(config, entry.source, silent);
    if (!source) {
        return fail(source.error());
    }
    auto destination = session_to(config, entry.destination, silent);
    if (!destination) {
        return fail(destination.error());
    }
    auto hypervisor = libvirt::make_hypervisor(**source, **destination, entry.guest, events);
    if (!hypervisor) {
        return fail(hypervisor.error());
    }
    const auto guest = find_guest({source->get(), destination->get()}, entry.guest);
    if (!guest) {
        return fail(guest.error());
    }
    auto locations = store.locations();
    auto network = make_network(
        config, Options{},
        {*guest,
         entry.source,
         entry.destination,
         *locations,
         destination->get(),
         {},
         [&config, &store, id = entry.id] { return drain_in_background(config, store, id); }});
    if (!network) {
        return fail(network.error());
    }
    return Connected{std::move(*source),   std::move(*destination), std::move(*hypervisor),
                     std::move(locations), std::move(*network),     std::move(silent)};
}

/// A guest that runs where libvirt answers and does not migrate it is there, whatever the other
/// host would say.
bool one_is_enough(Hypervisor& hypervisor) {
    Truth truth;
    truth.source = hypervisor.guest_state(Side::source);
    truth.destination = hypervisor.guest_state(Side::destination);
    truth.job_active = hypervisor.job_active();
    truth.postcopy = hypervisor.postcopy_state();
    const auto verdict = judge(truth).kind;
    return verdict == Verdict::Kind::on_source || verdict == Verdict::Kind::on_destination;
}

}  // namespace

Result<Record> recover_migration(const Config& config, history::Store& store,
                                 const history::Entry& entry, const RecoveryRules& rules,
                                 Status& status, EventQueue& events) {
    const bool has_verdict = entry.outcome && *entry.outcome != Outcome::unknown;
    if (has_verdict && !history::left_something(entry)) {
        return fail(ErrorKind::usage, fmt::format("{} has ended ({}), nothing to recover",
                                                  describe(entry), name_of(*entry.outcome)));
    }
    const auto edges = connect(config, store, entry, events);
    if (!edges) {
        return fail(edges.error());
    }
    if (edges->silent && has_verdict) {
        return fail(*edges->silent);
    }
    // before the dead process's lease is taken over: it keeps the guest where nobody can tell
    if (edges->silent && !one_is_enough(*edges->hypervisor)) {
        return fail(*edges->silent);
    }
    const auto journal = store.adopt(entry.id, rules.takeover);
    if (!journal) {
        return fail(journal.error());
    }
    const auto story = store.story(entry.id);
    if (!story) {
        return fail(story.error());
    }
    const auto unfinished = history::unfinished_from(*story);
    if (!unfinished) {
        return fail(unfinished.error());
    }
    const SystemClock clock;
    const Edges used{*edges->hypervisor, *edges->network, **journal, status, events, clock};
    if (has_verdict) {
        return clear_up(*unfinished, record_of(entry), used);
    }
    return recover(*unfinished, rules.options, used);
}

}  // namespace vmigrate::cli
