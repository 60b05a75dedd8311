// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "cli/config.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

/// The lines of complaint about `text`.
ConfigErrors errors_of(const std::string& text) {
    const auto config = parse_config(text, "x.toml");
    return config ? ConfigErrors{} : config.error();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a whole configuration is read") {
    const auto config = parse_config(R"(
[hosts.a]
uri = "qemu+ssh://root@a/system"
peer-uri = "qemu+tls://a/system"
migration-host = "10.0.0.1"
graphics-listen = "0.0.0.0"
emulator = "/usr/bin/qemu-system-x86_64"
shared-storage = ["/srv/shared"]
path-map = { "/srv/b" = "/srv/a" }
labels = { rack = "3" }

[hosts.b]
uri = "qemu+ssh://root@b/system"

[policy.night]
timeout = "10m"

[policy.default]
blackout-ceiling = "2s"
max-iterations = 5
postcopy = true

[network]
backend = "none"

[history]
path = "/tmp/h.db"

[transport]
clear-text = "allow"
)",
                                     "x.toml");
    REQUIRE(config);
    REQUIRE(config->hosts.size() == 2);
    const auto& a = config->hosts[0];
    CHECK(a.name == "a");
    CHECK(a.uri == "qemu+ssh://root@a/system");
    CHECK(a.peer_uri == "qemu+tls://a/system");
    CHECK(a.migration_host == "10.0.0.1");
    CHECK(a.graphics_listen == "0.0.0.0");
    CHECK(a.emulator == "/usr/bin/qemu-system-x86_64");
    CHECK(a.shared_storage == std::vector<std::string>{"/srv/shared"});
    REQUIRE(a.path_map.size() == 1);
    CHECK(a.path_map[0] == std::pair<std::string, std::string>("/srv/b", "/srv/a"));
    CHECK(a.labels[0].second == "3");
    CHECK(config->history_path == "/tmp/h.db");
    CHECK(config->clear_text == ClearText::allow);
    const auto& base = config->policies.at("default");
    CHECK(base.blackout_ceiling == seconds(2));
    CHECK(base.max_iterations == 5);
    CHECK(base.postcopy);
    SUBCASE("a policy starts from the default one, wherever that stands") {
        const auto& night = config->policies.at("night");
        CHECK(night.timeout == std::chrono::minutes(10));
        CHECK(night.blackout_ceiling == seconds(2));
        CHECK(night.postcopy);
    }
    SUBCASE("names are looked up with a suggestion") {
        CHECK(config->host("a"));
        const auto wrong = config->host("c");
        REQUIRE(!wrong);
        CHECK(wrong.error().kind == ErrorKind::not_found);
        const auto policy = config->policy("nigth");
        REQUIRE(!policy);
        CHECK(contains(policy.error().message, "did you mean 'night'?"));
    }
}

TEST_CASE("switches of hosts and peers are read") {
    const auto config = parse_config(R"(
[hosts.a]
uri = "qemu+ssh://root@a/system"
openflow = "ssl:a:6653"
ovsdb = "tcp:127.0.0.1"
tunnel-address = "10.78.0.11"

[hosts.b]
uri = "qemu+ssh://root@b/system"
openflow = "unix:/run/openvswitch/br-x.mgmt"
ovsdb = "unix:/run/openvswitch/db.sock"
bridge = "br-x"
tunnel-address = "10.78.0.12"
tunnel-port = 7

[peers.gateway]
openflow = "tcp:gateway:6653"
ovsdb = "tcp:gateway:6640"
tunnel-address = "10.78.0.2"

[network]
backend = "ovs"
clear-text = "allow"
private-key = "/etc/k.pem"
certificate = "/etc/c.pem"
authority = "/etc/a.pem"
settle = "7ms"
relay-idle = "3s"
relay-priority = 65533
)",
                                     "x.toml");
    REQUIRE(config);
    const auto& network = config->network;
    REQUIRE(network.switches.size() == 3);
    CHECK(network.switches[0].name == "a");
    CHECK(network.switches[0].openflow.tls.certificate == "/etc/c.pem");
    CHECK(network.switches[0].ovsdb.port == 6640);
    CHECK(network.switches[0].bridge == "br-int");
    CHECK(network.switches[0].tunnel_port == netflow::Port{64200});
    CHECK(network.switches[1].bridge == "br-x");
    CHECK(network.switches[1].tunnel_port == netflow::Port{7});
    CHECK(network.switches[2].name == "gateway");
    CHECK(format(network.switches[2].tunnel_address) == "10.78.0.2");
    CHECK(network.times.settle == milliseconds(7));
    CHECK(network.times.relay_idle == seconds(3));
    CHECK(network.relay_priority == 65533);
    CHECK(config->hosts.size() == 2);
}

TEST_CASE("an empty configuration has the defaults") {
    const auto config = parse_config("", "x.toml");
    REQUIRE(config);
    CHECK(config->hosts.empty());
    CHECK(config->network.backend == "none");
    CHECK(config->history_path == "/var/lib/vmigrate/history.db");
    CHECK(config->clear_text == ClearText::refuse);
    CHECK(config->policies.count("default") == 1);
}

TEST_CASE("each mistake is one line with file, line and what was meant") {
    struct Case {
        const char* text;
        const char* where;
        const char* what;
    };
    const Case cases[] = {
        {"[hots.a]\nuri = 'x'\n", "x.toml:1: ", "did you mean 'hosts'?"},
        {"[hosts.a]\nuri = 'x:///y'\npeeruri = 'z'\n", "x.toml:3: ", "did you mean 'peer-uri'?"},
        {"[hosts.a]\npeer-uri = 'z'\n", "x.toml:1: ", "has no uri"},
        {"[hosts.a]\nuri = 5\n", "x.toml:2: ", "uri must be text"},
        {"[hosts.a]\nuri = ''\n", "x.toml:2: ", "not empty"},
        {"[hosts]\na = 'qemu:///system'\n", "x.toml:2: ", "[hosts.NAME]"},
        {"hosts = 3\n", "x.toml:1: ", "must be a table"},
        {"[hosts.a]\nuri = 'x:///y'\nshared-storage = '/srv'\n", "x.toml:3: ", "must be a list"},
        {"[hosts.a]\nuri = 'x:///y'\nshared-storage = ['srv']\n", "x.toml:3: ", "from the root"},
        {"[hosts.a]\nuri = 'x:///y'\npath-map = { srv = '/x' }\n", "x.toml:3: ", "from the root"},
        {"[hosts.a]\nuri = 'x:///y'\n[hosts.b]\nuri = 'x:///y'\n", "x.toml:3: ", "the same uri"},
        {"[policy.default]\ndowntime-limt = '1s'\n", "x.toml:2: ", "did you mean 'downtime-limit'"},
        {"[policy.default]\ndowntime-limit = '1'\n", "x.toml:2: ", "downtime-limit"},
        {"[policy.default]\ndowntime-limit = 300\n", "x.toml:2: ", "downtime-limit"},
        {"[policy.default]\ndowntime-limit = '-5ms'\n", "x.toml:2: ", "downtime-limit"},
        {"[policy.default]\nbandwidth = '99999999999999999999GiB/s'\n", "x.toml:2: ", "bandwidth"},
        {"[policy.default]\nmax-iterations = 1.5\n", "x.toml:2: ", "max-iterations"},
        {"[policy.default]\nmax-iterations = -1\n", "x.toml:2: ", "max-iterations"},
        {"[policy.default]\npostcopy = 'perhaps'\n", "x.toml:2: ", "postcopy"},
        {"[policy.default]\ntimeout-action = 'postcopy'\n", "x.toml:1: ", "set postcopy to yes"},
        {"[network]\nbackend = 'pigeon'\n", "x.toml:2: ", "known: none, bridge, exec, ovs"},
        {"[network]\nsettle = 5\n", "x.toml:2: ", "settle must be text"},
        {"[network]\nrelay-idle = '0'\n", "x.toml:2: ", "from 1s to 65535s"},
        {"[network]\nrelay-priority = 65534\n", "x.toml:2: ", "from 1 to 65533"},
        {"[network]\nrelay-priority = '60200'\n", "x.toml:2: ", "from 1 to 65533"},
        {"[hosts.a]\nuri = 'x:///y'\ntunnel-address = '224.0.0.1'\n", "x.toml:3: ", "of a host"},
        {"[peers.g]\nopenflow='unix:/x'\novsdb='unix:/y'\ntunnel-address='10.0.0.1'\n"
         "[peers.h]\nopenflow='unix:/x'\novsdb='unix:/y'\ntunnel-address='10.0.0.1'\n",
         "x.toml:5: ", "g and h have the same tunnel-address, 10.0.0.1"},
        {"[network]\nclear-text = 'maybe'\n", "x.toml:2: ", "neither"},
        {"[hosts.a]\nuri = 'x:///y'\nopenflow = 'udp:h:1'\n", "x.toml:3: ", "ssl:HOST:PORT"},
        {"[hosts.a]\nuri = 'x:///y'\nopenflow = 'tcp:h:1'\n", "x.toml:3: ", "clear text"},
        {"[hosts.a]\nuri = 'x:///y'\novsdb = 'ssl:h:1'\n", "x.toml:3: ", "needs private-key"},
        {"[hosts.a]\nuri = 'x:///y'\ntunnel-address = '::1'\n", "x.toml:3: ", "IPv4"},
        {"[hosts.a]\nuri = 'x:///y'\ntunnel-port = 0\n", "x.toml:3: ", "number of a port"},
        {"[hosts.a]\nuri = 'x:///y'\ntunnel-port = -1\n", "x.toml:3: ", "number of a port"},
        {"[hosts.a]\nuri = 'x:///y'\n[network]\nbackend = 'ovs'\n",
         "x.toml:1: ", "has no openflow"},
        {"[peers.g]\nbridge = 'br0'\n", "x.toml:1: ", "has no openflow"},
        {"[peers.g]\nopenflaw = 'x'\nopenflow='unix:/x'\novsdb='unix:/y'\n"
         "tunnel-address='10.0.0.1'\n",
         "x.toml:2: ", "did you mean 'openflow'?"},
        {"[peers]\ng = 5\n", "x.toml:2: ", "[peers.NAME]"},
        {"[network]\nbackend = 'exec'\n", "x.toml:2: ", "needs program = "},
        {"[network]\nstock-cutover = 'both'\n", "x.toml:2: ", "none of \"early\""},
        {"[network]\nrefresh = 'exec'\n", "x.toml:2: ", "needs program = "},
        {"[network]\nrefresh = 'yes'\n", "x.toml:2: ", "is none of \"off\""},
        {"[network]\nprogram = 'adapter'\n", "x.toml:2: ", "must be a path from the root"},
        {"[network]\nredirect-held = 'yes'\n", "x.toml:2: ", "must be true or false"},
        {"[hosts.a]\nuri = 'x:///y'\nnetwork-backend = 'pigeon'\n",
         "x.toml:3: ", "unknown network back end 'pigeon'"},
        {"[hosts.a]\nuri = 'x:///y'\nnetwork-backend = 'ovs'\n", "x.toml:1: ", "has no openflow"},
        {"[network]\nbackand = 'none'\n", "x.toml:2: ", "did you mean 'backend'?"},
        {"[history]\npath = 'h.db'\n", "x.toml:2: ", "from the root"},
        {"[transport]\nclear-text = true\n", "x.toml:2: ", "clear-text must be text"},
        {"[transport]\nclear-text = 'maybe'\n", "x.toml:2: ", "neither \"refuse\" nor \"allow\""},
        {"[policy.default\n", "x.toml:1: ", ""},
    };
    for (const auto& test : cases) {
        CAPTURE(test.text);
        const auto errors = errors_of(test.text);
        REQUIRE(errors.size() == 1);
        CAPTURE(errors[0]);
        CHECK(errors[0].starts_with(test.where));
        CHECK(contains(errors[0], test.what));
        CHECK(!contains(errors[0], "\n"));
    }
}

TEST_CASE("all mistakes of a file are told, in the order of the file") {
    const auto errors = errors_of("[transport]\nclear-text = 1\n[hosts.a]\nuri = 1\nx = 2\n");
    REQUIRE(errors.size() == 3);
    CHECK(errors[0].starts_with("x.toml:2: "));
    CHECK(errors[1].starts_with("x.toml:4: "));
    CHECK(errors[2].starts_with("x.toml:5: "));
}

TEST_CASE("a named file must be there, a folder is no file") {
    const auto missing = load_config("/nonexistent/vmigrate.toml");
    REQUIRE(!missing);
    CHECK(contains(missing.error()[0], "/nonexistent/vmigrate.toml: No such file"));
    const auto folder = load_config("/tmp");
    REQUIRE(!folder);
    CHECK(contains(folder.error()[0], "Is a directory"));
}

TEST_CASE("a host may have a network back end of its own") {
    const auto config = parse_config(R"(
[hosts.a]
uri = "qemu:///a"
network-backend = "exec"

[hosts.b]
uri = "qemu:///b"

[network]
backend = "bridge"
program = "/usr/bin/adapter"
program-limit = "300ms"
redirect-held = true
)",
                                     "x.toml");
    REQUIRE(config);
    CHECK(backend_of(config->network, "a") == "exec");
    CHECK(backend_of(config->network, "b") == "bridge");
    CHECK(config->network.program.path == "/usr/bin/adapter");
    CHECK(config->network.program.limit == milliseconds(300));
    CHECK(held_networks(*config) == std::set<std::string>{"a"});
}
