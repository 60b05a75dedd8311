// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "cli/command.h"
#include "cli/drain.h"
#include "cli/exit_code.h"
#include "cli/net_follow.h"
#include "cli/net_guest.h"
#include "cli/network.h"
#include "cli/relay_rates.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "handover/ovs_survey.h"
#include "libvirt/survey.h"

namespace vmigrate::cli {
namespace {

constexpr milliseconds kPatience = seconds(5);
constexpr milliseconds kBetweenLooks = seconds(1);
constexpr milliseconds kBetweenFollowerLooks{200};

struct Wanted {
    std::string action;  ///< "status", "relay list", "lock", ...
    std::string guest;
    std::optional<std::string> from;
    std::optional<std::string> to;
    NetGuestWords described;
    std::optional<std::uint32_t> migration;
    bool all = false;
    bool json = false;
};

bool is_relay(const netflow::FlowStats& stats) {
    return handover::relayed_to(stats.flow).has_value();
}

/// The name of the host whose tunnels end there, else the address.
std::string name_of_end(const NetworkConfig& network, netflow::Ipv4 address) {
    for (const auto& one : network.switches) {
        if (one.tunnel_address == address) {
            return one.name;
        }
    }
    return format(address);
}

Json to_json(const std::string& host, const netflow::FlowStats& stats,
             const NetworkConfig& network) {
    const auto own = netflow::OwnCookie::decode(stats.flow.cookie);
    const auto to = handover::relayed_to(stats.flow);
    return {{"host", host},
            {"kind", own ? Json(name_of(own->kind)) : Json()},
            {"migration", own ? Json(own->migration) : Json()},
            {"version", own ? Json(own->version) : Json()},
            {"to", to ? Json(name_of_end(network, *to)) : Json()},
            {"match", format(stats.flow.match)},
            {"packets", stats.packets},
            {"age_ms", std::chrono::duration_cast<milliseconds>(stats.age).count()},
            {"idle_timeout_s", stats.flow.idle_timeout.count()},
            {"hard_timeout_s", stats.flow.hard_timeout.count()}};
}

std::vector<std::string> row(const std::string& host, const netflow::FlowStats& stats,
                             const NetworkConfig& network) {
    const auto own = netflow::OwnCookie::decode(stats.flow.cookie);
    const auto to = handover::relayed_to(stats.flow);
    return {host,
            own ? name_of(own->kind) : "unknown",
            to ? name_of_end(network, *to) : "-",
            own ? fmt::format("{}", own->migration) : "-",
            fmt::format("{}", stats.packets),
            format_time(std::chrono::duration_cast<milliseconds>(stats.age)),
            format(stats.flow.match)};
}

struct Listed {
    std::size_t flows = 0;
    std::size_t silent = 0;  ///< switches that did not answer
};

bool is_overdue(const netflow::FlowStats& stats, const NetworkConfig& network) {
    return is_relay(stats) && stats.age >= network.times.alarm;
}

/// `rates` of earlier looks, for a watch.
Listed list(const NetworkConfig& network, const Wanted& wanted, bool only_relays,
            RelayRates* rates = nullptr) {
    Listed listed;
    std::vector<std::vector<std::string>> rows = {
        {"HOST", "KIND", "TO", "MIGRATION", "PACKETS", "AGE", "MATCH"}};
    if (rates != nullptr) {
        rows[0].insert(rows[0].end() - 1, {"PER SECOND", ""});
    }
    for (const auto& found : handover::survey_own_flows(network.switches, network.times.request)) {
        if (!found.flows) {
            print_error(found.flows.error().message);
            ++listed.silent;
            continue;
        }
        for (const auto& stats : *found.flows) {
            if (only_relays && !is_relay(stats)) {
                continue;
            }
            ++listed.flows;
            auto json = to_json(found.host, stats, network);
            auto columns = row(found.host, stats, network);
            if (rates != nullptr) {
                const bool alarm = is_overdue(stats, network);
                const auto rate =
                    rates->looked_at(found.host, stats, std::chrono::steady_clock::now());
                json["packets_per_s"] = rate ? Json(*rate) : Json(nullptr);
                json["alarm"] = alarm;
                columns.insert(columns.end() - 1,
                               {rate ? fmt::format("{:.1f}", *rate) : "-", alarm ? "ALARM" : ""});
            }
            if (wanted.json) {
                print_line(json);
            } else {
                rows.push_back(std::move(columns));
            }
        }
    }
    if (!wanted.json && listed.flows > 0) {
        fmt::print("{}", table(rows));
    }
    std::fflush(stdout);
    return listed;
}

int watch(const NetworkConfig& network, const Wanted& wanted) {
    RelayRates rates;
    for (;;) {
        const auto listed = list(network, wanted, true, &rates);
        if (listed.flows == 0) {
            return listed.silent == 0 ? kExitDone : kExitBlocked;
        }
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

int clean(const NetworkConfig& network, const Wanted& wanted) {
    if (wanted.all == wanted.migration.has_value()) {
        return complain({ErrorKind::usage,
                         "net relay clean: say which, --migration NUMBER or --all; see vmigrate "
                         "net relay list"});
    }
    const auto removed =
        handover::remove_own_flows(network.switches, wanted.migration, network.times.request);
    return removed ? kExitDone : complain(removed.error());
}

Result<GuestFacts> find_guest(const Config& config, const Wanted& wanted) {
    std::string silent;
    for (const auto& name : {*wanted.from, *wanted.to}) {
        const auto access = config.host(name);
        if (!access) {
            return fail(access.error());
        }
        const auto session = libvirt::Session::open(*access, kPatience);
        if (!session) {
            silent = session.error().message;
            continue;
        }
        auto found = libvirt::find_guest(**session, wanted.guest);
        if (found && *found && (*found)->state != GuestState::shut_off) {
            return std::move(**found);
        }
    }
    if (!silent.empty()) {
        return fail(ErrorKind::unreachable, silent);
    }
    return fail(ErrorKind::not_found, fmt::format("no guest {} runs on {} or {}",
                                                  quoted(wanted.guest), *wanted.from, *wanted.to));
}

/// Until another process has committed or rolled back, or moves the guest anew. Nothing is
/// followed any more when it returns.
Result<Location> follow(std::unique_ptr<NetworkHandover> network, LocationRegistry& registry,
                        const std::string& guest_uuid) {
    if (auto begun = network->begin(); !begun) {
        return fail(begun.error());
    }
    std::optional<Location> first;
    for (;;) {
        const auto place = registry.find(guest_uuid);
        if (!place) {
            return fail(place.error());
        }
        const auto now = place->value_or(Location{});
        first = first ? first : now;
        if (!now.locked || now.version != first->version) {
            return Location{now.host, first->version, first->migration, now.locked};
        }
        std::this_thread::sleep_for(kBetweenFollowerLooks);
    }
}

/// What was put back while another process took it away is taken away again.
Result<void> unlock_begin(const NetworkConfig& config, const std::string& from,
                          std::unique_ptr<NetworkHandover> network, LocationRegistry& registry,
                          const std::string& guest_uuid) {
    const auto end = follow(std::move(network), registry, guest_uuid);
    if (!end) {
        return fail(end.error());
    }
    if (end->host == from && end->migration != 0) {
        return handover::remove_own_flows(config.switches, end->migration, config.times.request);
    }
    return {};
}

/// As libvirt knows it, or as the command line describes it.
Result<GuestFacts> guest_of(const Config& config, const Wanted& wanted) {
    for (const auto& name : {*wanted.from, *wanted.to}) {
        if (const auto host = config.host(name); !host) {
            return fail(host.error());
        }
    }
    if (*wanted.from == *wanted.to) {
        return fail(ErrorKind::usage, fmt::format("--from and --to are both {}", *wanted.to));
    }
    if (!wanted.described.describes()) {
        return find_guest(config, wanted);
    }
    return described_guest(wanted.described);
}

/// As long as the destination can keep it.
Result<void> mirror_for_a_moment(NetworkHandover& network) {
    const auto longest = network.lead();
    if (!longest) {
        return fail(longest.error());
    }
    std::this_thread::sleep_for(*longest);
    return network.withdraw();
}

Result<void> step(const Config& config, const Wanted& wanted) {
    const SystemClock clock;
    const auto store = open_history(config, history::Store::Access::read_write, clock);
    if (!store) {
        return fail(store.error());
    }
    const libvirt::EventLoop loop;
    const auto guest = guest_of(config, wanted);
    if (!guest) {
        return fail(guest.error());
    }
    auto networks = described_networks(wanted.described, *guest);
    if (!networks) {
        return fail(networks.error());
    }
    const auto registry = (*store)->locations();
    auto wanted_config = config;
    if (wanted.action == "mirror") {
        wanted_config.network.stock_cutover = handover::StockCutover::mirror;
    }
    auto network =
        make_network(wanted_config, Options{},
                     {*guest, *wanted.from, *wanted.to, *registry, nullptr, std::move(*networks)});
    if (!network) {
        return fail(network.error());
    }
    if (wanted.action == "lock") {
        return (*network)->lock();
    }
    if (wanted.action == "unlock-begin") {
        return unlock_begin(config.network, *wanted.from, std::move(*network), *registry,
                            guest->ref.uuid);
    }
    if (wanted.action == "mirror") {
        return mirror_for_a_moment(**network);
    }
    return wanted.action == "unlock-commit" ? (*network)->commit() : (*network)->rollback();
}

int act(const Config& config, const Wanted& wanted) {
    const auto& network = config.network;
    if (wanted.action == "follow") {
        return wanted.guest.empty() || !wanted.to
                   ? complain({ErrorKind::usage,
                               "net follow: write vmigrate net follow GUEST --to HOST"})
                   : follow_network(config, wanted.guest, *wanted.to);
    }
    if (wanted.action == "drain") {
        return wanted.guest.empty()
                   ? complain({ErrorKind::usage, "net drain: write vmigrate net drain MIGRATION"})
                   : drain_network(config, wanted.guest, wanted.json);
    }
    if (network.switches.empty()) {
        return complain({ErrorKind::config,
                         fmt::format("{}: no host has the network back end \"ovs\", which net "
                                     "works with",
                                     config.path)});
    }
    if (wanted.action == "status" || wanted.action == "relay list") {
        const auto listed = list(network, wanted, wanted.action != "status");
        return listed.silent == 0 ? kExitDone : kExitBlocked;
    }
    if (wanted.action == "relay watch") {
        return watch(network, wanted);
    }
    if (wanted.action == "relay clean") {
        return clean(network, wanted);
    }
    if (wanted.guest.empty() == !wanted.described.describes() || !wanted.from || !wanted.to) {
        return complain({ErrorKind::usage, fmt::format("net {0}: write vmigrate net {0} GUEST "
                                                       "--from HOST --to HOST, or --uuid and "
                                                       "--card instead of the guest",
                                                       wanted.action)});
    }
    const auto done = step(config, wanted);
    if (wanted.json) {
        print_line({{"action", wanted.action},
                    {"guest", wanted.guest.empty() ? wanted.described.uuid : wanted.guest},
                    {"error", done ? Json() : Json(done.error().message)}});
    }
    return done ? kExitDone : complain(done.error());
}

/// Takes the action's words off the front; nothing: there is no such action.
std::optional<std::string> take_action(Words& words) {
    static const std::vector<std::string> kActions = {
        "status",     "lock",        "unlock-begin", "mirror", "unlock-commit", "rollback",
        "relay list", "relay watch", "relay clean",  "follow", "drain"};
    std::string name = words.empty() ? "" : words.front();
    if (name == "relay" && words.size() > 1) {
        name += " " + words[1];
    }
    if (std::ranges::find(kActions, name) == kActions.end()) {
        const auto near = nearest(name, kActions);
        print_error(
            near ? fmt::format("net: unknown action {}; did you mean '{}'?", quoted(name), *near)
                 : fmt::format("net: which action? {}", fmt::join(kActions, ", ")));
        return std::nullopt;
    }
    words.erase(words.begin(), words.begin() + (name.starts_with("relay ") ? 2 : 1));
    return name;
}

}  // namespace

int run_net(const Words& words) {
    Arguments arguments("net", "Turn the network of a guest by hand, or look at what was turned.",
                        "vmigrate net status\n"
                        "vmigrate net relay list --json\n"
                        "vmigrate net relay clean --migration 17\n"
                        "vmigrate net lock web1 --from host1 --to host2\n"
                        "vmigrate net unlock-begin web1 --from host1 --to host2\n"
                        "vmigrate net mirror web1 --from host1 --to host2\n"
                        "vmigrate net unlock-commit web1 --from host1 --to host2\n"
                        "vmigrate net rollback web1 --from host1 --to host2\n"
                        "vmigrate net lock --uuid 2c7e5a4e-7d0b-4c0e-9a4f-6f1f3a1b2c3d "
                        "--card 52:54:00:12:34:56,port-1,4711 --from host1 --to host2\n"
                        "vmigrate net follow web1 --to host2\n"
                        "vmigrate net drain 17");
    Words rest;
    Wanted wanted;
    auto& app = arguments.app();
    app.add_option("ACTION", rest,
                   "status, lock, unlock-begin, mirror, unlock-commit, rollback, relay list, relay "
                   "watch, relay clean, follow or drain; then the guest, or the migration")
        ->type_name("");
    app.add_option("--from", wanted.from, "Host that the guest leaves")->type_name("HOST");
    app.add_option("--to", wanted.to, "Host that it goes to")->type_name("HOST");
    app.add_option("--uuid", wanted.described.uuid, "Guest that no libvirt has to know")
        ->type_name("UUID");
    app.add_option("--card", wanted.described.cards,
                   "Its cards: address, interface id of the port, and the network where flows do "
                   "not tell; may be repeated")
        ->type_name("MAC,ID[,VNI]")
        ->allow_extra_args(false);
    app.add_option("--vni", wanted.described.vni,
                   "Network of the guest's cards; default: learnt from flows")
        ->type_name("VNI");
    app.add_option("--migration", wanted.migration, "Clean: flows of this one")
        ->type_name("NUMBER");
    app.add_flag("--all", wanted.all, "Clean: everything of ours, also of moves under way");
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    const auto action = take_action(rest);
    if (!action) {
        return kExitUsage;
    }
    wanted.action = *action;
    if (rest.size() > 1) {
        print_error(fmt::format("net: too many arguments: {}", quoted(rest[1])));
        return kExitUsage;
    }
    wanted.guest = rest.empty() ? "" : rest.front();
    wanted.json = arguments.json();
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    std::optional<Interrupts> interrupts;
    if (wanted.action != "drain") {  // which a signal ends at any point, and recover goes on with
        interrupts.emplace();
    }
    return act(*config, wanted);
}

}  // namespace vmigrate::cli
