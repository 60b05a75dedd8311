// SPDX-License-Identifier: GPL-2.0-or-later
// LINK: vmigrate_cli
// LABELS: unit
#include <doctest/doctest.h>

#include "cli/planning.h"
#include "cli/request_options.h"

using namespace vmigrate;
using namespace vmigrate::cli;

namespace {

Config two_hosts() {
    Config config;
    config.path = "x.toml";
    config.exists = true;
    config.hosts.resize(2);
    config.hosts[0].name = "a";
    config.hosts[1].name = "b";
    config.policies["default"] = Options{};
    config.policies["night"] = Options{};
    config.policies["night"].max_iterations = 7;
    return config;
}

/// As `verify` has them.
Result<Request> way_of(const Words& words) {
    CLI::App app;
    RequestOptions options(app, RequestOptions::Offers::ways);
    try {
        app.parse(Words(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& error) {
        return fail(ErrorKind::usage, error.what());
    }
    return options.request_for(two_hosts(), "g");
}

Result<Request> request_of(const Words& words) {
    CLI::App app;
    RequestOptions options(app);
    try {
        app.parse(Words(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& error) {
        return fail(ErrorKind::usage, error.what());
    }
    return options.request(two_hosts());
}

}  // namespace

TEST_CASE("flags of virsh set the keys of the policy") {
    const auto request = request_of(
        {"--live", "--verbose", "--managed", "--tls", "--auto-converge", "--postcopy", "--timeout",
         "30", "--timeout-postcopy", "--bandwidth", "100", "--copy-storage-all", "--transient",
         "--keep-source", "--no-measure", "--comp-methods", "xbzrle", "g"});
    REQUIRE(request);
    const auto& options = request->options;
    CHECK(request->guest == "g");
    CHECK(!options.peer_to_peer);
    CHECK(options.tls);
    CHECK(options.auto_converge == AutoSwitch::on);
    CHECK(options.postcopy);
    CHECK(options.timeout == seconds(30));
    CHECK(options.timeout_action == TimeoutAction::postcopy);
    CHECK(options.bandwidth.count == 100 * 1024 * 1024);
    CHECK(options.storage == StorageMode::copy);
    CHECK(!options.persist_destination);
    CHECK(!options.undefine_source);
    CHECK(!options.measure);
    CHECK(options.compression == Compression::xbzrle);
}

TEST_CASE("--set goes over flags, flags over the policy") {
    const auto request = request_of({"--policy", "night", "--bandwidth", "1MiB/s", "--set",
                                     "bandwidth=2MiB/s", "--set", "tls=yes", "--parallel", "g"});
    REQUIRE(request);
    CHECK(request->policy == "night");
    CHECK(request->options.max_iterations == 7);
    CHECK(request->options.bandwidth == BytesPerSecond{2 * 1024 * 1024});
    CHECK(request->options.tls);
    CHECK(request->options.parallel_connections == 2);
}

TEST_CASE("settings of QEMU") {
    const auto request = request_of({"--comp-methods", "lz4", "--parallel", "--lz4-acceleration",
                                     "3", "--bypass-compression", "no", "--ram-save-max-wait", "5",
                                     "--ram-delay-save-percent", "10", "--mig-block-size", "4KiB",
                                     "--verify-ram", "--verify-disks", "g"});
    REQUIRE(request);
    const auto& options = request->options;
    CHECK(options.compression == Compression::lz4);
    CHECK(options.lz4_acceleration == 3);
    CHECK(!options.bypass_compression);
    CHECK(options.ram_save_max_wait == milliseconds(5));
    CHECK(options.ram_delay_save_percent == 10);
    CHECK(options.mig_block_size == kibibytes(4));
    CHECK(options.verify_ram);
    CHECK(options.verify_disks);
    CHECK(options.asked.size() == 9);
    CHECK(request_of({"--compression", "lz4", "g"})->options.compression == Compression::lz4);
    CHECK(request_of({"--compressed", "--set", "compression=off", "g"}));
}

TEST_CASE("what stays with the request") {
    const auto request = request_of({"--unsafe",
                                     "--suspend",
                                     "--offline",
                                     "--abort-on-error",
                                     "--dname",
                                     "n",
                                     "--migrateuri",
                                     "tcp://x",
                                     "--listen-address",
                                     "::",
                                     "--graphicsuri",
                                     "vnc://x",
                                     "--migrate-disks",
                                     "vda,vdb",
                                     "--migrate-disks",
                                     "vdc",
                                     "--emulator",
                                     "/q",
                                     "--to",
                                     "b",
                                     "--from",
                                     "a",
                                     "--",
                                     "-odd"});
    REQUIRE(request);
    CHECK(request->guest == "-odd");
    CHECK(request->unsafe);
    CHECK(request->suspend);
    CHECK(request->offline);
    CHECK(request->abort_on_error);
    CHECK(request->destination_name == "n");
    CHECK(request->migrate_uri == "tcp://x");
    CHECK(request->listen_address == "::");
    CHECK(request->graphics_uri == "vnc://x");
    CHECK(request->migrate_disks == Words{"vda", "vdb", "vdc"});
    CHECK(request->emulator == "/q");
    CHECK(request->to == "b");
    CHECK(request->from == "a");
}

TEST_CASE("what does not fit is refused in words") {
    const std::pair<Words, const char*> cases[] = {
        {{"--bandwidth", "-5", "g"}, "--bandwidth: "},
        {{"--bandwidth", "99999999999999999999", "g"}, "--bandwidth: "},
        {{"--timeout", "soon", "g"}, "--timeout: "},
        {{"--set", "tls", "g"}, "write KEY=VALUE"},
        {{"--set", "tsl=yes", "g"}, "did you mean 'tls'?"},
        {{"--set", "tls=maybe", "g"}, "neither yes nor no"},
        {{"--direct", "g"}, "no direct migration"},
        {{"--emulator", "qemu", "g"}, "from the root"},
        {{"--policy", "nihgt", "g"}, "did you mean 'night'?"},
        {{"--xml", "/nonexistent", "g"}, "No such file"},
        {{"--p2p", "--managed", "g"}, "excludes"},
        {{"--persistent", "--transient", "g"}, "excludes"},
        {{"--timeout-postcopy", "g"}, "postcopy"},
        {{"--compressed", "--set", "compression=lz4", "g"},
         "--set compression (lz4) and --compressed (xbzrle) exclude each other"},
        {{"--compression", "lz4", "--comp-methods", "mt", "g"},
         "--compression (lz4) and --comp-methods (mt) exclude each other"},
        {{"--verify-ram", "--tunnelled", "g"}, "tunnelled and verify-ram exclude each other"},
        {{""}, "empty"},
        {{}, "GUEST"},
    };
    for (const auto& [words, what] : cases) {
        CAPTURE(what);
        const auto request = request_of(words);
        REQUIRE(!request);
        CAPTURE(request.error().message);
        CHECK(request.error().message.find(what) != std::string::npos);
    }
}

TEST_CASE("hosts to ask") {
    const auto config = two_hosts();
    Request request;
    CHECK(hosts_to_ask(config, request)->size() == 2);
    request.to = "b";
    CHECK(hosts_to_ask(config, request)->size() == 2);
    request.from = "a";
    CHECK(hosts_to_ask(config, request)->front().name == "a");
    request.from = "b";
    CHECK(hosts_to_ask(config, request).error().kind == ErrorKind::usage);
    request.from = "x";
    CHECK(hosts_to_ask(config, request).error().kind == ErrorKind::not_found);
    CHECK(hosts_to_ask(Config{}, Request{}).error().kind == ErrorKind::config);
}

TEST_CASE("where the guest is") {
    const GuestRef one{"11111111-0000-0000-0000-000000000000", "g"};
    const GuestRef two{"22222222-0000-0000-0000-000000000000", "g"};
    using S = GuestState;
    CHECK(*pick_source("g", {{"a", one, S::running}}, {}) == 0);
    CHECK(*pick_source("g", {{"a", one, S::shut_off}, {"b", one, S::running}}, {}) == 1);
    CHECK(*pick_source("g", {{"a", one, S::shut_off}, {"b", two, S::paused}}, {}) == 1);
    CHECK(pick_source("g", {}, {}).error().kind == ErrorKind::not_found);
    CHECK(pick_source("g", {}, {"c is silent"}).error().kind == ErrorKind::unreachable);
    CHECK(pick_source("g", {{"a", one, S::running}, {"b", one, S::running}}, {}).error().kind ==
          ErrorKind::blocked);
    CHECK(pick_source("g", {{"a", one, S::running}, {"b", one, S::incoming}}, {}).error().kind ==
          ErrorKind::blocked);
    CHECK(pick_source("g", {{"a", one, S::running}, {"b", two, S::running}}, {}).error().kind ==
          ErrorKind::usage);
    CHECK(pick_source("g", {{"a", one, S::shut_off}, {"b", one, S::shut_off}}, {}).error().kind ==
          ErrorKind::blocked);
}

TEST_CASE("the ways to move alone: no guest, no hosts, nothing about definitions") {
    const auto request = way_of({"--bandwidth", "100", "--unsafe", "--set", "storage=copy"});
    REQUIRE(request);
    CHECK(request->guest == "g");
    CHECK(request->unsafe);
    CHECK(request->options.bandwidth == BytesPerSecond{mebibytes(100).count});
    CHECK(request->options.storage == StorageMode::copy);
    for (const auto* word : {"--from", "--to", "--suspend", "--offline", "--dname", "h"}) {
        CHECK(!way_of({word}));
    }
    CHECK(way_of({"--lz4-acceleration", "0"}).error().kind == ErrorKind::usage);
}
