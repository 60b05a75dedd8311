// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "cli/fleet_keys.h"
#include "cli/switch_keys.h"
#include "handover/none.h"

namespace vmigrate::cli {
namespace {

constexpr auto kDefaultPath = "/etc/vmigrate/vmigrate.toml";

/// Walks the table and collects what is wrong instead of stopping at the first.
class Reader {
  public:
    explicit Reader(std::string path) { config_.path = std::move(path); }

    tl::expected<Config, ConfigErrors> read(const toml::table& root) {
        for (const auto& [key, node] : root) {
            const toml::table* section = table(key, node);
            if (section == nullptr) {
                continue;
            }
            if (key == "hosts") {
                read_hosts(*section);
            } else if (key == "policy") {
                read_policies(*section);
            } else if (key == "network") {
                read_network(*section);
            } else if (key == "peers") {
                read_peers(*section);
            } else if (key == "hook") {
                read_hook(*section);
            } else if (key == "guests") {
                cli::read_guests(config_.fleet, *section, complaints());
            } else if (key == "groups") {
                cli::read_groups(config_.fleet, *section, complaints());
            } else if (key == "evacuation") {
                cli::read_evacuation(config_.fleet.evacuation, *section, complaints());
            } else if (key == "history") {
                read_history(*section);
            } else if (key == "transport") {
                read_transport(*section);
            }
        }
        config_.policies.try_emplace("default");
        check_switches();
        check_hook();
        if (exec_wanted_ && config_.network.program.path.empty()) {
            complain(*exec_wanted_, "'exec' needs program = \"/PATH\" in [network]");
        }
        if (errors_.empty()) {
            config_.exists = true;
            return std::move(config_);
        }
        std::stable_sort(errors_.begin(), errors_.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        ConfigErrors lines;
        for (const auto& [line, text] : errors_) {
            lines.push_back(fmt::format("{}:{}: {}", config_.path, line, text));
        }
        return tl::unexpected(std::move(lines));
    }

  private:
    /// What was said of one switch, and where.
    struct Switch {
        handover::OvsHost host;
        toml::source_region name;
        bool is_peer = false;
        std::vector<std::pair<toml::source_region, std::string>> endpoints;  ///< by key
    };

    void complain(const toml::source_region& where, std::string text) {
        errors_.emplace_back(where.begin.line, std::move(text));
    }

    void unknown_key(const toml::key& key, std::string_view section,
                     const std::vector<std::string>& known) {
        const auto near = nearest(key.str(), known);
        complain(key.source(),
                 near ? fmt::format("unknown key {} in [{}]; did you mean '{}'?", quoted(key.str()),
                                    section, *near)
                      : fmt::format("unknown key {} in [{}]; known: {}", quoted(key.str()), section,
                                    fmt::join(known, ", ")));
    }

    Complaints complaints() {
        return {
            [this](const toml::source_region& where, std::string what) {
                complain(where, std::move(what));
            },
            [this](const toml::key& key, std::string_view section,
                   const std::vector<std::string>& known) { unknown_key(key, section, known); }};
    }

    const toml::table* table(const toml::key& key, const toml::node& node) {
        static const std::vector<std::string> kSections = {
            "hosts",  "peers",  "policy",     "network", "hook",
            "guests", "groups", "evacuation", "history", "transport"};
        if (std::find(kSections.begin(), kSections.end(), key.str()) == kSections.end()) {
            const auto near = nearest(key.str(), kSections);
            complain(key.source(),
                     near ? fmt::format("unknown section {}; did you mean '{}'?", quoted(key.str()),
                                        *near)
                          : fmt::format("unknown section {}; known: {}", quoted(key.str()),
                                        fmt::join(kSections, ", ")));
            return nullptr;
        }
        return expect_table(key, node);
    }

    const toml::table* expect_table(const toml::key& key, const toml::node& node) {
        if (!node.is_table()) {
            complain(node.source(),
                     fmt::format("{} must be a table, as in [{}]", quoted(key.str()), key.str()));
        }
        return node.as_table();
    }

    std::string text(const toml::key& key, const toml::node& node) {
        const auto value = node.value_exact<std::string>();
        if (!value || value->empty()) {
            complain(node.source(), fmt::format("{} must be text in quotes{}", key.str(),
                                                value ? ", not empty" : ""));
        }
        return value.value_or("");
    }

    std::string absolute_path(const toml::key& key, const toml::node& node) {
        auto path = text(key, node);
        if (!path.empty() && path.front() != '/') {
            complain(node.source(), fmt::format("{} = {} must be a path from the root, as in '/{}'",
                                                key.str(), quoted(path), path));
        }
        return path;
    }

    std::vector<std::pair<std::string, std::string>> pairs(const toml::key& key,
                                                           const toml::node& node, bool paths) {
        std::vector<std::pair<std::string, std::string>> result;
        const toml::table* entries = node.as_table();
        if (entries == nullptr) {
            complain(node.source(),
                     fmt::format("{} must be a table of texts, as in {} = {{ {} }}", key.str(),
                                 key.str(), paths ? "\"/there\" = \"/here\"" : "rack = \"3\""));
            return result;
        }
        for (const auto& [name, value] : *entries) {
            if (paths && !name.str().starts_with('/')) {
                complain(name.source(), fmt::format("{} in {} must be a path from the root",
                                                    quoted(name.str()), key.str()));
            }
            result.emplace_back(name.str(), paths ? absolute_path(name, value) : text(name, value));
        }
        return result;
    }

    void read_hosts(const toml::table& hosts) {
        for (const auto& [name, node] : hosts) {
            if (!node.is_table()) {
                complain(node.source(), fmt::format("{} in [hosts] must be a table: write "
                                                    "[hosts.NAME] with uri = \"...\" below it",
                                                    quoted(name.str())));
                continue;
            }
            read_host(name, *node.as_table());
        }
    }

    void read_host(const toml::key& name, const toml::table& table) {
        libvirt::HostAccess host;
        host.name = std::string(name.str());
        Switch network{{}, name.source(), false, {}};
        network.host.name = host.name;
        for (const auto& [key, node] : table) {
            if (key == "uri") {
                host.uri = text(key, node);
            } else if (key == "peer-uri") {
                host.peer_uri = text(key, node);
            } else if (key == "migration-host") {
                host.migration_host = text(key, node);
            } else if (key == "graphics-listen") {
                host.graphics_listen = text(key, node);
            } else if (key == "emulator") {
                host.emulator = absolute_path(key, node);
            } else if (key == "shared-storage") {
                read_paths(key, node, host.shared_storage);
            } else if (key == "path-map") {
                host.path_map = pairs(key, node, true);
            } else if (key == "labels") {
                host.labels = pairs(key, node, false);
            } else if (key == "network-backend") {
                config_.network.backend_of[host.name] = backend(key, node);
            } else if (!read_switch_key(network, key, node) &&
                       !read_limit_key(config_.fleet.limits[host.name], key, node, complaints())) {
                unknown_key(key, fmt::format("hosts.{}", host.name), config_keys().at("hosts"));
            }
        }
        switches_.push_back(std::move(network));
        if (!table.contains("uri")) {
            complain(name.source(),
                     fmt::format("[hosts.{}] has no uri; add uri = \"qemu+ssh://root@{}/system\"",
                                 host.name, host.name));
        }
        for (const auto& other : config_.hosts) {
            if (other.uri == host.uri && !host.uri.empty()) {
                complain(name.source(), fmt::format("hosts {} and {} have the same uri; each host "
                                                    "needs its own",
                                                    quoted(other.name), quoted(host.name)));
            }
        }
        config_.hosts.push_back(std::move(host));
    }

    void read_paths(const toml::key& key, const toml::node& node, std::vector<std::string>& out) {
        const toml::array* list = node.as_array();
        if (list == nullptr) {
            complain(node.source(), fmt::format("{} must be a list, as in {} = [\"/srv/images\"]",
                                                key.str(), key.str()));
            return;
        }
        for (const auto& entry : *list) {
            out.push_back(absolute_path(key, entry));
        }
    }

    void read_policies(const toml::table& policies) {
        // "default" is the base of the others, wherever it stands in the file.
        Options base;
        if (const auto* node = policies.get("default"); node != nullptr) {
            base = read_policy("default", *node, Options{});
        }
        config_.policies["default"] = base;
        for (const auto& [name, node] : policies) {
            if (name != "default") {
                const std::string policy(name.str());
                config_.policies[policy] = read_policy(policy, node, base);
            }
        }
    }

    Options read_policy(const std::string& name, const toml::node& node, Options options) {
        const toml::table* table = node.as_table();
        if (table == nullptr) {
            complain(node.source(),
                     fmt::format("{} in [policy] must be a table: write [policy.NAME] with its "
                                 "keys below it",
                                 quoted(name)));
            return options;
        }
        const auto errors_before = errors_.size();
        for (const auto& [key, value] : *table) {
            set(name, key, value, options);
        }
        if (errors_.size() == errors_before) {
            if (const auto valid = validate(options); !valid) {
                complain(table->source(),
                         fmt::format("[policy.{}]: {}", name, valid.error().message));
            }
        }
        return options;
    }

    void set(const std::string& policy, const toml::key& key, const toml::node& node,
             Options& options) {
        std::vector<std::string> known;
        for (const auto& option : option_keys()) {
            known.emplace_back(option.key);
        }
        if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
            unknown_key(key, fmt::format("policy.{}", policy), known);
            return;
        }
        std::string value;
        if (const auto text = node.value_exact<std::string>()) {
            value = *text;
        } else if (const auto number = node.value_exact<std::int64_t>()) {
            value = fmt::format("{}", *number);
        } else if (const auto truth = node.value_exact<bool>()) {
            value = *truth ? "yes" : "no";
        } else {
            complain(
                node.source(),
                fmt::format("{} must be text in quotes, a whole number, true or false", key.str()));
            return;
        }
        if (const auto done = set_option(options, key.str(), value); !done) {
            complain(node.source(), done.error().message);
        }
    }

    void read_peers(const toml::table& peers) {
        for (const auto& [name, node] : peers) {
            const toml::table* table = node.as_table();
            if (table == nullptr) {
                complain(node.source(), fmt::format("{} in [peers] must be a table: write "
                                                    "[peers.NAME] with openflow = \"...\" below it",
                                                    quoted(name.str())));
                continue;
            }
            Switch peer{{}, name.source(), true, {}};
            peer.host.name = std::string(name.str());
            for (const auto& [key, value] : *table) {
                if (!read_switch_key(peer, key, value)) {
                    unknown_key(key, fmt::format("peers.{}", peer.host.name), switch_keys());
                }
            }
            for (const auto& other : switches_) {
                if (other.host.name == peer.host.name) {
                    complain(name.source(),
                             fmt::format("{} is a host already; a peer is a switch that is none",
                                         quoted(peer.host.name)));
                }
            }
            switches_.push_back(std::move(peer));
        }
    }

    /// False: no key of a switch.
    bool read_switch_key(Switch& network, const toml::key& key, const toml::node& node) {
        const auto& known = switch_keys();
        if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
            return false;
        }
        const auto number = key.str() == "tunnel-port" ? node.value_exact<std::int64_t>()
                                                       : std::optional<std::int64_t>();
        const auto value = number ? fmt::format("{}", *number) : text(key, node);
        if (value.empty()) {
            return true;
        }
        if (const auto done = set_switch_key(network.host, key.str(), value); !done) {
            complain(node.source(), done.error().message);
        } else if (key.str() == "openflow" || key.str() == "ovsdb") {
            network.endpoints.emplace_back(node.source(), std::string(key.str()));
        }
        return true;
    }

    /// What only shows when the whole file is read.
    void check_switches() {
        for (auto& [host, where, is_peer, endpoints] : switches_) {
            const auto missing = missing_key(host);
            const bool needed = backend_of(config_.network, host.name) == "ovs";
            if (!missing.empty() && (needed || is_peer)) {
                complain(where, fmt::format("[{}.{}] has no {}, which the network back end 'ovs' "
                                            "needs",
                                            is_peer ? "peers" : "hosts", host.name, missing));
            }
            for (const auto& [at, key] : endpoints) {
                check_endpoint(at, key, key == "openflow" ? host.openflow : host.ovsdb);
            }
            for (const auto& other : config_.network.switches) {
                if (missing.empty() && other.tunnel_address == host.tunnel_address) {
                    complain(where,
                             fmt::format("{} and {} have the same tunnel-address, {}", other.name,
                                         host.name, format(host.tunnel_address)));
                }
            }
            if (missing.empty()) {
                config_.network.switches.push_back(host);
            }
        }
    }

    void check_endpoint(const toml::source_region& where, const std::string& key,
                        netflow::Endpoint& endpoint) {
        const auto& network = config_.network;
        if (leaves_in_clear_text(endpoint) && network.clear_text != ClearText::allow) {
            complain(where, fmt::format("{} = {} would be in clear text; use ssl:, or set "
                                        "clear-text = \"allow\" in [network] where that network "
                                        "is trusted",
                                        key, quoted(format(endpoint))));
        }
        if (endpoint.kind == netflow::Endpoint::Kind::ssl) {
            endpoint.tls = network.tls;
            if (network.tls.private_key.empty() || network.tls.certificate.empty() ||
                network.tls.authority.empty()) {
                complain(where, fmt::format("{} = {} needs private-key, certificate and authority "
                                            "in [network]",
                                            key, quoted(format(endpoint))));
            }
        }
    }

    void read_network(const toml::table& table) {
        auto& network = config_.network;
        for (const auto& [key, node] : table) {
            if (key == "backend") {
                network.backend = backend(key, node);
            } else if (key == "program") {
                network.program.path = absolute_path(key, node);
            } else if (key == "program-limit") {
                network.program.limit = time(key, node, network.program.limit);
            } else if (key == "redirect-held") {
                network.program.redirect_held = truth(key, node);
            } else if (key == "clear-text") {
                network.clear_text = clear_text(key, node);
            } else if (key == "private-key") {
                network.tls.private_key = absolute_path(key, node);
            } else if (key == "certificate") {
                network.tls.certificate = absolute_path(key, node);
            } else if (key == "authority") {
                network.tls.authority = absolute_path(key, node);
            } else if (key == "settle") {
                network.times.settle = time(key, node, network.times.settle);
            } else if (key == "relay-idle") {
                network.times.relay_idle = whole_seconds(key, node, network.times.relay_idle);
            } else if (key == "relay-priority") {
                network.relay_priority = priority(key, node);
            } else if (key == "relay-alarm") {
                network.times.alarm = whole_seconds(key, node, network.times.alarm);
            } else if (key == "stock-cutover") {
                network.stock_cutover = stock_cutover(key, node);
            } else if (key == "refresh") {
                network.refresh = refresh(key, node);
            } else {
                unknown_key(key, "network", config_keys().at("network"));
            }
        }
    }

    std::uint16_t priority(const toml::key& key, const toml::node& node) {
        const auto value = node.value_exact<std::int64_t>().value_or(0);
        if (value < 1 || value > netflow::highest_relay_priority) {
            complain(node.source(), fmt::format("{} must be a number from 1 to {}", key.str(),
                                                netflow::highest_relay_priority));
            return netflow::default_relay_priority;
        }
        return static_cast<std::uint16_t>(value);
    }

    std::string backend(const toml::key& key, const toml::node& node) {
        auto name = text(key, node);
        if (const auto known = handover::check(name); !known && !name.empty()) {
            complain(node.source(), known.error().message);
        }
        if (name == "exec") {
            exec_wanted_ = key.source();
        }
        return name;
    }

    handover::StockCutover stock_cutover(const toml::key& key, const toml::node& node) {
        using handover::StockCutover;
        const auto word = text(key, node);
        if (!word.empty() && word != "early" && word != "relay" && word != "mirror") {
            complain(node.source(),
                     fmt::format("stock-cutover = {} is none of \"early\", \"relay\", \"mirror\"",
                                 quoted(word)));
        }
        return word == "mirror"  ? StockCutover::mirror
               : word == "relay" ? StockCutover::relay
                                 : StockCutover::early;
    }

    handover::RefreshBy refresh(const toml::key& key, const toml::node& node) {
        const auto word = text(key, node);
        if (word == "exec") {
            exec_wanted_ = key.source();
            return handover::RefreshBy::program;
        }
        if (!word.empty() && word != "off" && word != "controller") {
            complain(node.source(),
                     fmt::format("refresh = {} is none of \"off\", \"controller\" and \"exec\"",
                                 quoted(word)));
        }
        return word == "controller" ? handover::RefreshBy::controller : handover::RefreshBy::nobody;
    }

    bool truth(const toml::key& key, const toml::node& node) {
        const auto value = node.value_exact<bool>();
        if (!value) {
            complain(node.source(), fmt::format("{} must be true or false", key.str()));
        }
        return value.value_or(false);
    }

    milliseconds time(const toml::key& key, const toml::node& node, milliseconds before) {
        const auto value = text(key, node);
        if (value.empty()) {
            return before;
        }
        const auto parsed = parse_time(value);
        if (!parsed) {
            complain(node.source(), fmt::format("{}: {}", key.str(), parsed.error().message));
        }
        return parsed.value_or(before);
    }

    /// As flows have it: at least one, at most 16 bits of them.
    seconds whole_seconds(const toml::key& key, const toml::node& node, seconds before) {
        const auto value = time(key, node, before);
        const auto rounded = std::chrono::ceil<seconds>(value);
        if (rounded < seconds(1) || rounded > seconds(65535)) {
            complain(node.source(), fmt::format("{} must be from 1s to 65535s", key.str()));
        }
        return rounded;
    }

    std::uint32_t packets(const toml::key& key, const toml::node& node) {
        constexpr std::int64_t most = 1'000'000;
        const auto value = node.value_exact<std::int64_t>();
        if (!value || *value < 0 || *value > most) {
            complain(node.source(),
                     fmt::format("{} must be a number of packets from 0 to {}", key.str(), most));
            return 0;
        }
        return static_cast<std::uint32_t>(*value);
    }

    void read_hook(const toml::table& table) {
        for (const auto& [key, node] : table) {
            if (key == "host") {
                config_.hook.host = text(key, node);
                hook_host_ = node.source();
            } else if (key == "strict") {
                config_.hook.strict = truth(key, node);
            } else if (key == "log") {
                config_.hook.log = absolute_path(key, node);
            } else if (key == "tap-queue") {
                config_.hook.tap_queue = packets(key, node);
            } else {
                unknown_key(key, "hook", config_keys().at("hook"));
            }
        }
    }

    void check_hook() {
        if (const auto& name = config_.hook.host; hook_host_ && !name.empty()) {
            if (const auto known = config_.host(name); !known) {
                complain(*hook_host_, "[hook]: " + known.error().message);
            }
        }
    }

    void read_history(const toml::table& table) {
        for (const auto& [key, node] : table) {
            if (key == "path") {
                config_.history_path = absolute_path(key, node);
            } else {
                unknown_key(key, "history", config_keys().at("history"));
            }
        }
    }

    void read_transport(const toml::table& table) {
        for (const auto& [key, node] : table) {
            if (key != "clear-text") {
                unknown_key(key, "transport", config_keys().at("transport"));
                continue;
            }
            config_.clear_text = clear_text(key, node);
        }
    }

    ClearText clear_text(const toml::key& key, const toml::node& node) {
        const auto word = text(key, node);
        if (!word.empty() && word != "refuse" && word != "allow") {
            complain(
                node.source(),
                fmt::format("clear-text = {} is neither \"refuse\" nor \"allow\"", quoted(word)));
        }
        return word == "allow" ? ClearText::allow : ClearText::refuse;
    }

    Config config_;
    std::vector<Switch> switches_;
    std::optional<toml::source_region> exec_wanted_;
    std::optional<toml::source_region> hook_host_;
    std::vector<std::pair<toml::source_index, std::string>> errors_;
};

template <class List, class Name>
std::string suggestion(const List& known, const std::string& wanted, Name name,
                       const std::string& path) {
    std::vector<std::string> names;
    for (const auto& entry : known) {
        names.push_back(name(entry));
    }
    if (const auto near = nearest(wanted, names)) {
        return fmt::format("did you mean '{}'?", *near);
    }
    if (names.empty()) {
        return fmt::format("{} has none", path);
    }
    return fmt::format("{} has {}", path, fmt::join(names, ", "));
}

}  // namespace

const std::map<std::string, std::vector<std::string>>& config_keys() {
    static const std::map<std::string, std::vector<std::string>> keys = {
        {"hosts",
         {"uri", "peer-uri", "migration-host", "graphics-listen", "emulator", "shared-storage",
          "path-map", "labels", "network-backend", "openflow", "ovsdb", "bridge", "tunnel-address",
          "tunnel-port", "migrations-out", "migrations-in"}},
        {"peers", switch_keys()},
        {"network",
         {"backend", "clear-text", "private-key", "certificate", "authority", "settle",
          "relay-idle", "relay-alarm", "relay-priority", "stock-cutover", "refresh", "program",
          "program-limit", "redirect-held"}},
        {"hook", {"host", "strict", "log", "tap-queue"}},
        {"guests", guests_keys()},
        {"groups", group_keys()},
        {"evacuation", evacuation_keys()},
        {"history", {"path"}},
        {"transport", {"clear-text"}}};
    return keys;
}

const std::string& backend_of(const NetworkConfig& network, const std::string& host) {
    const auto own = network.backend_of.find(host);
    return own != network.backend_of.end() ? own->second : network.backend;
}

std::set<std::string> held_networks(const Config& config) {
    std::set<std::string> names;
    for (const auto& host : config.hosts) {
        const auto& backend = backend_of(config.network, host.name);
        if (backend == "ovs" || (backend == "exec" && config.network.program.redirect_held)) {
            names.insert(host.name);
        }
    }
    return names;
}

Error no_hosts(const Config& config) {
    return {
        ErrorKind::config,
        fmt::format("{} {}: add a [hosts.NAME] with its uri for each host, see vmigrate.toml(5)",
                    config.path, config.exists ? "names no hosts" : "does not exist")};
}

Result<libvirt::HostAccess> Config::host(const std::string& name) const {
    for (const auto& candidate : hosts) {
        if (candidate.name == name) {
            return candidate;
        }
    }
    return fail(ErrorKind::not_found,
                fmt::format("no host {}; {}", quoted(name),
                            suggestion(
                                hosts, name, [](const auto& host) { return host.name; }, path)));
}

Result<Options> Config::policy(const std::string& name) const {
    if (const auto found = policies.find(name); found != policies.end()) {
        return found->second;
    }
    return fail(
        ErrorKind::not_found,
        fmt::format("no policy {}; {}", quoted(name),
                    suggestion(
                        policies, name, [](const auto& entry) { return entry.first; }, path)));
}

tl::expected<Config, ConfigErrors> parse_config(const std::string& text, const std::string& path) {
    try {
        return Reader(path).read(toml::parse(text, path));
    } catch (const toml::parse_error& error) {
        std::string what(error.description());  // with what was found there, as it is
        std::ranges::replace_if(
            what, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
        return tl::unexpected(
            ConfigErrors{fmt::format("{}:{}: {}", path, error.source().begin.line, what)});
    }
}

tl::expected<Config, ConfigErrors> load_config(const std::optional<std::string>& given) {
    const char* from_environment = std::getenv("VMIGRATE_CONFIG");
    const bool named = given || (from_environment != nullptr && *from_environment != '\0');
    const std::string path = given ? *given : named ? from_environment : kDefaultPath;
    std::error_code ignored;
    errno = 0;
    std::ifstream file(path);
    const int error = std::filesystem::is_directory(path, ignored) ? EISDIR : file ? 0 : errno;
    if (error == ENOENT && !named) {
        Config config;
        config.path = path;
        config.policies.try_emplace("default");
        return config;
    }
    if (error != 0) {
        return tl::unexpected(
            ConfigErrors{fmt::format("{}: {}; give a readable file with --config or "
                                     "VMIGRATE_CONFIG",
                                     path, std::strerror(error))});
    }
    return parse_config({std::istreambuf_iterator<char>(file), {}}, path);
}

}  // namespace vmigrate::cli
