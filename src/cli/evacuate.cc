// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/evacuate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "cli/command.h"
#include "cli/evacuation_report.h"
#include "cli/evacuation_world.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/stop_guests.h"

namespace vmigrate::cli {
namespace {

using history::EvacuationKind;

/// For a detached one: the history has it all.
class NoView final : public FleetView {
  public:
    void begins(const fleet::Standing& /*guest*/, const fleet::StartMove& /*move*/) override {}
    void tries_again(const fleet::Standing& /*guest*/, const std::string& /*reason*/) override {}
    void settled(const fleet::Standing& /*guest*/) override {}
    void notice(const std::string& /*text*/) override {}
};

/// Hosts that take nobody, and why.
Result<std::map<std::string, std::string>> closed_hosts(const Config& config,
                                                        const EvacuationOptions& options,
                                                        history::Store& store) {
    const auto others = store.evacuations()->under_way();
    if (!others) {
        return fail(others.error());
    }
    std::map<std::string, std::string> closed;
    for (const auto& entry : *others) {
        if (entry.kind == EvacuationKind::evacuate && entry.host != options.host) {
            closed[entry.host] = "is being emptied";
        }
    }
    for (const auto& access : config.hosts) {
        const auto& name = access.name;
        if (options.kind == EvacuationKind::restore) {
            if (name != options.host) {
                closed[name] = "is not their home";
            }
        } else if (!options.to.empty() && std::ranges::find(options.to, name) == options.to.end()) {
            closed[name] = "was not named";
        }
    }
    return closed;
}

Result<FleetWish> wish_of(const Config& config, const EvacuationOptions& options,
                          history::Store& store) {
    FleetWish wish;
    const auto policy = config.policy(options.policy);
    if (!policy) {
        return fail(policy.error());
    }
    wish.request.policy = options.policy;
    wish.request.options = *policy;
    wish.request.held_networks = held_networks(config);
    wish.bandwidth = options.bandwidth;
    wish.labels = options.labels;
    if (options.kind == EvacuationKind::evacuate) {
        wish.sources = {options.host};
    }
    for (const auto& [uuid, home] : options.homes) {
        wish.guests.insert(uuid);
    }
    auto closed = closed_hosts(config, options, store);
    if (!closed) {
        return fail(closed.error());
    }
    wish.closed = std::move(*closed);
    return wish;
}

/// Error (blocked): no host would take anybody.
Result<void> some_host_remains(const fleet::Fleet& fleet, const EvacuationOptions& options) {
    std::vector<std::string> why;
    for (const auto& host : fleet.hosts) {
        const bool leaves = options.kind == EvacuationKind::evacuate && host.name == options.host;
        if (!leaves && host.closed.empty()) {
            return {};
        }
        if (!leaves && host.closed != "is not their home") {
            why.push_back(fmt::format("{} {}", host.name, host.closed));
        }
    }
    return fail(ErrorKind::blocked, fmt::format("no host is left to take guests{}{}",
                                                why.empty() ? "" : ": ", fmt::join(why, ", ")));
}

/// Of those who were taken from the host only who is still where it was put stays in `options`. Who
/// cannot be seen is returned, the others are told of.
std::vector<history::EvacuationGuest> keep_homeless(EvacuationOptions& options,
                                                    const fleet::Fleet& fleet,
                                                    history::Store& store, FleetView& view) {
    std::vector<history::EvacuationGuest> unseen;
    const auto taken = store.evacuations()->taken_from(options.host);
    for (auto row : taken.value_or(std::vector<history::EvacuationGuest>{})) {
        const auto guest = std::ranges::find(fleet.guests, row.guest.uuid, &fleet::Guest::uuid);
        const auto host = std::ranges::find(fleet.hosts, row.to, &fleet::Host::name);
        const auto name = quoted(row.guest.name);
        if (guest != fleet.guests.end() && guest->host == row.to) {
            continue;
        }
        options.homes.erase(row.guest.uuid);
        if (guest != fleet.guests.end()) {
            if (guest->host != options.host) {
                view.notice(fmt::format("{} is on {} now, it was put on {}: it is left alone", name,
                                        guest->host, row.to));
            }
        } else if (host != fleet.hosts.end() && host->closed == "does not answer") {
            row.from = std::exchange(row.to, "");
            row.state = fleet::name_of(fleet::Standing::State::unmovable);
            row.reason = fmt::format("it was put on {}, which does not answer", row.from);
            row.attempts = 0;
            row.migration.reset();
            unseen.push_back(std::move(row));
        } else {
            view.notice(fmt::format("{} runs nowhere now: it is left alone", name));
        }
    }
    return unseen;
}

/// Everything that carrying out needs, in the order of its making.
struct Stage {
    Stage(const Config& given_config, EvacuationOptions given)
        : config(given_config), options(std::move(given)) {}

    const Config& config;
    EvacuationOptions options;
    SystemClock clock;
    std::unique_ptr<history::Store> store;
    std::unique_ptr<libvirt::EventLoop> loop;
    std::unique_ptr<FleetSurvey> survey;
    fleet::Fleet fleet;
    std::vector<history::EvacuationGuest> unseen;  ///< restore: on hosts that do not answer

    /// `to_move`: with the wish that others than those under way go as well.
    Result<void> look(FleetView& view, bool to_move) {
        if (!loop) {
            loop = std::make_unique<libvirt::EventLoop>();
        }
        auto wish = wish_of(config, options, *store);
        if (!wish) {
            return fail(wish.error());
        }
        survey = std::make_unique<FleetSurvey>(config, std::move(*wish));
        auto found = survey->survey(*store);
        if (!found) {
            return fail(found.error());
        }
        fleet = std::move(*found);
        for (const auto& text : survey->silent()) {
            view.notice(text);
        }
        if (options.kind == EvacuationKind::restore) {
            unseen = keep_homeless(options, fleet, *store, view);
        }
        return to_move && anybody() ? some_host_remains(fleet, options) : Result<void>();
    }

    bool anybody() const {
        return options.kind == EvacuationKind::restore
                   ? !options.homes.empty()
                   : std::ranges::any_of(fleet.guests, [this](const fleet::Guest& guest) {
                         return guest.host == options.host;
                     });
    }
};

Result<void> open(Stage& stage, history::Store::Access access) {
    auto store = open_history(stage.config, access, stage.clock);
    if (!store) {
        return fail(store.error());
    }
    stage.store = std::move(*store);
    return {};
}

/// Those who might come home.
Result<void> add_homes(EvacuationOptions& options, history::Store& store) {
    if (options.kind != EvacuationKind::restore) {
        return {};
    }
    const auto taken = store.evacuations()->taken_from(options.host);
    if (!taken) {
        return fail(taken.error());
    }
    for (const auto& row : *taken) {
        options.homes[row.guest.uuid] = options.host;
    }
    return {};
}

std::vector<GuestEnd> ends_of(history::Store& store,
                              const std::vector<history::EvacuationGuest>& guests) {
    std::vector<GuestEnd> ends;
    for (const auto& guest : guests) {
        auto entry = guest.migration ? store.find(*guest.migration)
                                     : Result<history::Entry>(fail(ErrorKind::not_found, ""));
        ends.push_back({guest, entry ? std::optional(std::move(*entry)) : std::nullopt});
    }
    return ends;
}

void report(const std::vector<GuestEnd>& ends, bool json) {
    if (json) {
        for (const auto& end : ends) {
            print_line(to_json(end));
        }
    } else if (ends.empty()) {
        fmt::print("no guests to move\n");
    } else {
        fmt::print("{}", evacuation_table(ends));
    }
}

void say_forecast(const fleet::EvacuationForecast& forecast, bool json) {
    if (!json) {
        fmt::print("{}", forecast.guests.empty() ? "no guests to move\n" : forecast_text(forecast));
        return;
    }
    for (const auto& guest : forecast.guests) {
        print_line(to_json(guest));
    }
    print_line({{"event", "forecast"},
                {"total_ms", forecast.total.count()},
                {"bound_ms", forecast.bound.count()},
                {"summary", forecast.summary}});
}

/// Who will not make it, before anybody moves.
void warn_of_deadline(const fleet::EvacuationForecast& forecast, FleetView& view) {
    view.notice(forecast.summary);
    for (const auto& guest : forecast.guests) {
        if (!guest.in_time || !guest.ends) {
            view.notice(fmt::format("{}: {}", quoted(guest.standing.name), guest.reason));
        }
    }
}

/// From where it stands to its end. `before` is of one that is gone on with.
int carry_on(Stage& stage, std::int64_t id, WallTime began,
             const std::vector<history::EvacuationGuest>& before, EventQueue& interrupts,
             FleetView& view, bool json, bool silent) {
    std::vector<fleet::Standing> standings;
    for (const auto& row : before) {
        if (auto standing = standing_of(row)) {
            standings.push_back(std::move(*standing));
        }
    }
    const auto since = std::chrono::duration_cast<milliseconds>(stage.clock.wall() - began);
    const auto begun = stage.clock.now() - std::max(since, milliseconds(0));
    fleet::Evacuation evacuation(rules_of(stage.options), stage.fleet, begun, standings);
    warn_of_deadline(fleet::forecast(evacuation, stage.clock.now()), view);
    const auto evacuations = stage.store->evacuations();
    for (const auto& guest : stage.unseen) {
        view.notice(fmt::format("{}: {}", quoted(guest.guest.name), guest.reason));
        if (const auto put = evacuations->put(id, guest); !put) {
            view.notice(put.error().message);
        }
    }
    FleetBook book(*evacuations, id);
    bool by_signal = false;
    {
        EvacuationWorld world(stage.config, stage.options, id, *stage.store, *stage.survey,
                              stage.fleet, interrupts, view);
        carry_out(evacuation, before, world, book, view, stage.clock);
        by_signal = world.interrupted();
    }
    auto guests = evacuations->guests(id);
    if (!guests) {
        return complain(guests.error());
    }
    const auto entry = evacuations->find(id);
    const bool cancelled = by_signal || (entry && entry->cancel_requested);
    if (stage.options.stop_unmovable && !cancelled) {
        by_signal = !stop_guests(stage.config, stage.options.shutdown, *guests, interrupts, view);
        for (const auto& guest : *guests) {
            if (const auto put = evacuations->put(id, guest); !put) {
                view.notice(put.error().message);
            }
        }
    }
    const int code = exit_code(*guests, by_signal);
    if (const auto ended = evacuations->end(id, code); !ended) {
        view.notice(ended.error().message);
    }
    if (!silent) {
        report(ends_of(*stage.store, *guests), json);
        if (json) {
            print_line({{"event", "result"}, {"id", id}, {"exit_code", code}});
        }
    }
    return code;
}

std::unique_ptr<FleetView> view_for(bool json, bool detached) {
    if (detached) {
        return std::make_unique<NoView>();
    }
    return json ? std::unique_ptr<FleetView>(std::make_unique<JsonView>())
                : std::make_unique<TextView>();
}

Error none_of(EvacuationKind kind, const std::string& host) {
    return {
        ErrorKind::not_found,
        fmt::format("no {} of host {} in the history",
                    kind == EvacuationKind::restore ? "restoration" : "evacuation", quoted(host))};
}

/// The newest; error (not_found): there is none.
Result<history::EvacuationEntry> newest(history::Store& store, EvacuationKind kind,
                                        const std::string& host) {
    auto entry = store.evacuations()->newest(host, kind);
    if (!entry) {
        return fail(entry.error());
    }
    if (!*entry) {
        return fail(none_of(kind, host));
    }
    return std::move(**entry);
}

}  // namespace

int plan_evacuation(const Config& config, EvacuationOptions options, bool json) {
    const auto view = view_for(json, false);
    Stage stage(config, std::move(options));
    auto ready = open(stage, history::Store::Access::read_only);
    ready = ready ? add_homes(stage.options, *stage.store) : ready;
    ready = ready ? stage.look(*view, true) : ready;
    if (!ready) {
        return complain(ready.error());
    }
    const auto now = stage.clock.now();
    const fleet::Evacuation evacuation(rules_of(stage.options), stage.fleet, now);
    const auto forecast = fleet::forecast(evacuation, now);
    for (const auto& guest : stage.unseen) {
        view->notice(fmt::format("{}: {}", quoted(guest.guest.name), guest.reason));
    }
    say_forecast(forecast, json);
    return exit_code(forecast);
}

int run_evacuation(const Config& config, EvacuationOptions options, bool json,
                   const std::function<void(std::int64_t)>& detached) {
    EventQueue events;
    Interrupts interrupts;
    const auto view = view_for(json, false);
    Stage stage(config, std::move(options));
    auto ready = open(stage, history::Store::Access::read_write);
    ready = ready ? add_homes(stage.options, *stage.store) : ready;
    if (!ready) {
        return complain(ready.error());
    }
    // first, so that of two that begin at once one sees the other
    const auto evacuations = stage.store->evacuations();
    const auto id =
        evacuations->begin(stage.options.kind, stage.options.host, line(to_json(stage.options)));
    if (!id) {
        return complain(id.error());
    }
    interrupts.abort_through(&events);
    if (const auto looked = stage.look(*view, true); !looked) {
        const int code = complain(looked.error());
        static_cast<void>(evacuations->end(*id, code));
        return code;
    }
    if (detached) {
        detached(*id);
    }
    const auto shown = view_for(json, static_cast<bool>(detached));
    return carry_on(stage, *id, stage.clock.wall(), {}, events, *shown, json,
                    static_cast<bool>(detached));
}

int resume_evacuation(const Config& config, EvacuationKind kind, const std::string& host,
                      bool json) {
    EventQueue events;
    Interrupts interrupts;
    const auto view = view_for(json, false);
    Stage stage(config, {});
    if (const auto ready = open(stage, history::Store::Access::read_write); !ready) {
        return complain(ready.error());
    }
    const auto entry = newest(*stage.store, kind, host);
    auto options = entry ? evacuation_options_from_json(entry->options) : fail(entry.error());
    if (!options) {
        return complain(options.error());
    }
    const auto evacuations = stage.store->evacuations();
    const auto adopted = evacuations->adopt(entry->id);
    const auto before = adopted
                            ? evacuations->guests(entry->id)
                            : Result<std::vector<history::EvacuationGuest>>(fail(adopted.error()));
    if (!before) {
        return complain(before.error());
    }
    interrupts.abort_through(&events);
    stage.options = std::move(*options);
    if (const auto looked = stage.look(*view, !entry->cancel_requested); !looked) {
        return complain(looked.error());
    }
    return carry_on(stage, entry->id, entry->began, *before, events, *view, json, false);
}

int cancel_evacuation(const Config& config, EvacuationKind kind, const std::string& host,
                      bool json) {
    const SystemClock clock;
    history::EvacuationEntry entry;
    {
        const auto store = open_history(config, history::Store::Access::read_write, clock);
        auto found = store ? newest(**store, kind, host) : fail(store.error());
        const auto asked = found ? (*store)->evacuations()->request_cancel(found->id)
                                 : Result<void>(fail(found.error()));
        if (!asked) {
            return complain(asked.error());
        }
        entry = std::move(*found);
    }
    if (!entry.holder_alive) {
        return resume_evacuation(config, kind, host, json);
    }
    if (json) {
        print_line({{"event", "cancel-requested"}, {"id", entry.id}});
    } else {
        fmt::print("{} is asked to begin no other move; see 'vmigrate {} {} --status'\n",
                   fmt::format("process {}", entry.holder_pid), name_of(kind), host);
    }
    return kExitDone;
}

Result<void> name_broken_evacuations(history::Store& store, bool json) {
    const auto under_way = store.evacuations()->under_way();
    if (!under_way) {
        return fail(under_way.error());
    }
    for (const auto& entry : *under_way) {
        if (entry.holder_alive) {
            continue;
        }
        const auto command = fmt::format("vmigrate {} {}", name_of(entry.kind), entry.host);
        if (json) {
            print_line({{"event", "broken-evacuation"},
                        {"id", entry.id},
                        {"kind", name_of(entry.kind)},
                        {"host", entry.host},
                        {"began", format_wall(entry.began)},
                        {"go_on", command + " --resume"},
                        {"end", command + " --cancel"}});
        } else {
            fmt::print("{}: its process is gone; to go on: {} --resume; to end it: {} --cancel\n",
                       describe(entry), command, command);
            std::fflush(stdout);
        }
    }
    return {};
}

int show_evacuation(const Config& config, EvacuationKind kind, const std::string& host, bool json) {
    const SystemClock clock;
    const auto store = open_history(config, history::Store::Access::read_only, clock);
    const auto entry = store ? newest(**store, kind, host) : fail(store.error());
    const auto guests = entry ? (*store)->evacuations()->guests(entry->id) : fail(entry.error());
    if (!guests) {
        return complain(guests.error());
    }
    if (!json) {
        fmt::print("{} {} of {}: {}\n",
                   kind == EvacuationKind::restore ? "restoration" : "evacuation", entry->id, host,
                   entry->ended          ? fmt::format("ended, exit code {}", *entry->exit_code)
                   : entry->holder_alive ? fmt::format("under way, process {}", entry->holder_pid)
                                         : fmt::format("its process is gone: vmigrate {} {} "
                                                       "--resume, or --cancel",
                                                       name_of(kind), host));
    }
    report(ends_of(**store, *guests), json);
    if (json) {
        print_line({{"event", "status"},
                    {"id", entry->id},
                    {"host", host},
                    {"began", format_wall(entry->began)},
                    {"ended", entry->ended ? Json(format_wall(*entry->ended)) : Json(nullptr)},
                    {"exit_code", entry->exit_code ? Json(*entry->exit_code) : Json(nullptr)},
                    {"process_alive", entry->holder_alive},
                    {"process_id", entry->holder_pid}});
    }
    return kExitDone;
}

}  // namespace vmigrate::cli
