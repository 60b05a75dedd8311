// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <vector>

#include "cli/command.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/network.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "libvirt/migration.h"
#include "libvirt/survey.h"
#include "orchestrator/recover.h"

namespace vmigrate::cli {
namespace {

/// What the dead process had planned and done, from its plan and steps.
Result<Unfinished> unfinished_from(const history::Story& story, const Json& plan) {
    Unfinished unfinished;
    unfinished.id = story.entry.id;
    unfinished.phase = story.entry.phase;
    if (plan.is_object()) {
        const auto state = plan.value("guest_state", std::string("running"));
        unfinished.before = state == name_of(GuestState::paused)     ? GuestState::paused
                            : state == name_of(GuestState::shut_off) ? GuestState::shut_off
                                                                     : GuestState::running;
        unfinished.paused_on_purpose = plan.value("paused_on_purpose", false);
        const auto call = plan.value("call", Json::object());
        unfinished.resumable = resumable_from_json(call);
        const auto asked = plan.value("asked", Json::object());
        if (const auto resuming = asked.find("postcopy_resume_ms");
            resuming != asked.end() && resuming->is_number_integer()) {
            unfinished.resuming = milliseconds(resuming->get<std::int64_t>());
        }
        if (call.is_object()) {
            unfinished.remains.keeps_definition = !call.value("undefine_source", true);
            for (const auto& entry : call.value("volumes", Json::array())) {
                auto volume = volume_from_json(entry.dump());
                if (volume && call.value("remove_source_disks", false)) {
                    unfinished.remains.volumes.push_back(std::move(*volume));
                }
            }
        }
    }
    for (const auto& row : story.steps) {
        if (row.step == Step::save_originals && row.done) {
            unfinished.leftovers.originals = row.detail;
        } else if (row.step == Step::make_volume) {
            auto volume = volume_from_json(row.detail);
            if (!volume) {
                return fail(volume.error());
            }
            auto& list = row.done ? unfinished.leftovers.volumes : unfinished.leftovers.intended;
            list.push_back(std::move(*volume));
        }
    }
    return unfinished;
}

Result<std::unique_ptr<libvirt::Session>> session_to(const Config& config,
                                                     const std::string& name) {
    const auto host = config.host(name);
    if (!host) {
        return fail(host.error());
    }
    return libvirt::Session::open(*host);
}

struct Context {
    const Config& config;
    history::Store& store;
    RecoverOptions options;
    history::Takeover takeover;
    bool json;
    Interrupts& interrupts;
    SystemClock clock;
};

/// Everything that only `recover` itself has to outlive.
struct Connected {
    std::unique_ptr<libvirt::Session> source;
    std::unique_ptr<libvirt::Session> destination;
    std::unique_ptr<Hypervisor> hypervisor;
    std::unique_ptr<LocationRegistry> locations;
    std::unique_ptr<NetworkHandover> network;
};

/// As it is on either side; one of them may have lost it.
Result<GuestFacts> find_guest(const std::vector<libvirt::Session*>& sessions,
                              const GuestRef& guest) {
    GuestFacts facts;
    facts.ref = guest;
    facts.state = GuestState::shut_off;  // no traffic where it is nowhere
    for (auto* session : sessions) {
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

/// Both daemons have to answer before the dead process's lease is taken over.
Result<Connected> connect(const Context& context, const history::Entry& entry, EventQueue& events) {
    auto source = session_to(context.config, entry.source);
    auto destination = session_to(context.config, entry.destination);
    if (!source || !destination) {
        return fail(!source ? source.error() : destination.error());
    }
    auto hypervisor = libvirt::make_hypervisor(**source, **destination, entry.guest, events);
    if (!hypervisor) {
        return fail(hypervisor.error());
    }
    const auto guest = find_guest({source->get(), destination->get()}, entry.guest);
    if (!guest) {
        return fail(guest.error());
    }
    auto locations = context.store.locations();
    auto network = make_network(context.config, Options{},
                                {*guest,
                                 entry.source,
                                 entry.destination,
                                 *locations,
                                 destination->get(),
                                 {},
                                 [&context, id = entry.id] {
                                     return drain_in_background(context.config, context.store, id);
                                 }});
    if (!network) {
        return fail(network.error());
    }
    return Connected{std::move(*source), std::move(*destination), std::move(*hypervisor),
                     std::move(locations), std::move(*network)};
}

Result<Record> recover_one(Context& context, const history::Entry& entry) {
    if (entry.outcome && *entry.outcome != Outcome::unknown) {
        return fail(ErrorKind::usage, fmt::format("{} has ended ({}), nothing to recover",
                                                  describe(entry), name_of(*entry.outcome)));
    }
    EventQueue events;
    const auto edges = connect(context, entry, events);
    if (!edges) {
        return fail(edges.error());
    }
    const auto journal = context.store.adopt(entry.id, context.takeover);
    if (!journal) {
        return fail(journal.error());
    }
    const auto story = context.store.story(entry.id);
    if (!story) {
        return fail(story.error());
    }
    const auto plan = Json::parse(story->plan_json, nullptr, false);
    const auto unfinished = unfinished_from(*story, plan);
    if (!unfinished) {
        return fail(unfinished.error());
    }
    TerminalLine line(stderr);
    TerminalStatus terminal_status(line, context.clock);
    JsonStatus json_status;
    Status& status = context.json ? static_cast<Status&>(json_status) : terminal_status;
    context.interrupts.abort_through(&events);
    auto record =
        recover(*unfinished, context.options,
                {*edges->hypervisor, *edges->network, **journal, status, events, context.clock});
    context.interrupts.abort_through(nullptr);
    line.end();
    if (record && context.json) {
        Json result = {{"event", "result"}};
        result.update(to_json(*record));
        print_line(result);
    } else if (record) {
        fmt::print("{}", outcome_text(*record, plan));
        std::fflush(stdout);
    }
    return record;
}

/// Migrations that ended unknown, as far as they are the last word on their guest.
Result<std::vector<history::Entry>> left_unknown(history::Store& store) {
    history::Filter filter;
    filter.outcome = Outcome::unknown;
    filter.limit = 0;
    auto entries = store.list(filter);
    if (!entries) {
        return entries;
    }
    std::erase_if(*entries, [&store](const history::Entry& entry) {
        history::Filter newest;
        newest.guest = entry.guest.uuid;
        newest.limit = 1;
        const auto last = store.list(newest);
        return last && !last->empty() && last->front().id != entry.id;
    });
    return entries;
}

/// The migrations to recover: the one that was named, else all whose process is gone or whose
/// outcome is unknown.
/// Error (usage): several, and neither an id nor --all.
Result<std::vector<history::Entry>> select(history::Store& store,
                                           const std::optional<std::string>& which, bool all) {
    if (which) {
        auto entry = find_migration(store, *which);
        return entry ? Result<std::vector<history::Entry>>({std::move(*entry)})
                     : fail(entry.error());
    }
    history::Filter filter;
    filter.unfinished = true;
    filter.limit = 0;
    auto entries = store.list(filter);
    if (!entries) {
        return entries;
    }
    std::erase_if(*entries, [](const history::Entry& entry) { return entry.holder_alive; });
    auto unknown = left_unknown(store);
    if (!unknown) {
        return unknown;
    }
    entries->insert(entries->end(), unknown->begin(), unknown->end());
    if (entries->size() > 1 && !all) {
        std::string ids;
        for (const auto& entry : *entries) {
            ids += fmt::format(" {}", entry.id);
        }
        return fail(ErrorKind::usage,
                    fmt::format("several migrations have no verdict:{}; name one, or give "
                                "--all",
                                ids));
    }
    return entries;
}

/// The worst of several: a person to look, then problems, then what did not move.
int worse(int one, int other) {
    const auto rank = [](int code) {
        switch (code) {
            case kExitDone:
                return 0;
            case kExitStays:
                return 1;
            case kExitInterrupted:
                return 2;
            case kExitProblems:
                return 3;
            case kExitUnknown:
                return 5;
            default:
                return 4;
        }
    };
    return rank(one) >= rank(other) ? one : other;
}

}  // namespace

int run_recover(const Words& words) {
    Arguments arguments("recover", "Bring a migration to its end whose process died.",
                        "vmigrate recover\n"
                        "vmigrate recover 17\n"
                        "vmigrate recover --all --abort");
    std::optional<std::string> which;
    bool all = false;
    bool abort = false;
    bool elsewhere = false;
    auto& app = arguments.app();
    auto* one = app.add_option("MIGRATION", which, "Id of a migration, or its guest");
    one->type_name("");
    app.add_flag("--all", all, "Every migration whose process is gone or whose outcome is unknown")
        ->excludes(one);
    app.add_flag("--abort", abort, "Cancel what libvirt still carries on; default: wait for it");
    app.add_flag("--elsewhere", elsewhere,
                 "Also one that another machine started: it is known to be gone");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    Interrupts interrupts;
    const SystemClock clock;
    const auto store = open_history(*config, history::Store::Access::read_write, clock);
    if (!store) {
        return complain(store.error());
    }
    auto entries = select(**store, which, all);
    if (!entries) {
        return complain(entries.error());
    }
    const auto only = which ? std::optional(entries->front().id) : std::nullopt;
    std::erase_if(*entries, is_draining);
    const libvirt::EventLoop loop;
    Context context{
        *config,
        **store,
        {},
        elsewhere ? history::Takeover::from_out_of_sight : history::Takeover::from_the_dead,
        arguments.json(),
        interrupts,
        {}};
    context.options.abort_running = abort;
    int code = kExitDone;
    for (const auto& entry : *entries) {
        const auto record = recover_one(context, entry);
        code = worse(code, record ? exit_code(*record) : complain(record.error()));
    }
    const auto resumed = resume_drains(*config, **store, only, arguments.json());
    if (!resumed) {
        return worse(code, complain(resumed.error()));
    }
    if (entries->empty() && *resumed == 0) {
        fmt::print(stderr, "no migration needs recovery\n");
    }
    return code;
}

}  // namespace vmigrate::cli
