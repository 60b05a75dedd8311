// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/switch_keys.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace vmigrate::cli {
namespace {

using netflow::Endpoint;

constexpr std::uint16_t kOvsdbPort = 6640;

Result<void> set_endpoint(Endpoint& endpoint, std::string_view key, const std::string& value,
                          std::uint16_t default_port) {
    auto parsed = netflow::parse_endpoint(value, default_port);
    if (!parsed) {
        return fail(ErrorKind::usage,
                    fmt::format("{} = {} is none of \"unix:PATH\", \"tcp:HOST:PORT\" and "
                                "\"ssl:HOST:PORT\"",
                                key, quoted(value)));
    }
    endpoint = std::move(*parsed);
    return {};
}

bool is_set(const Endpoint& endpoint) {
    return !endpoint.path.empty() || !endpoint.host.empty();
}

}  // namespace

const std::vector<std::string>& switch_keys() {
    static const std::vector<std::string> keys = {"openflow", "ovsdb", "bridge", "tunnel-address",
                                                  "tunnel-port"};
    return keys;
}

Result<void> set_switch_key(handover::OvsHost& host, std::string_view key,
                            const std::string& value) {
    if (key == "openflow") {
        return set_endpoint(host.openflow, key, value, 6653);
    }
    if (key == "ovsdb") {
        return set_endpoint(host.ovsdb, key, value, kOvsdbPort);
    }
    if (key == "bridge") {
        host.bridge = value;
        return {};
    }
    if (key == "tunnel-address") {
        const auto address = netflow::parse_ipv4(value);
        if (!address || !is_unicast(*address)) {
            return fail(ErrorKind::usage, fmt::format("tunnel-address = {} is no IPv4 address of a "
                                                      "host",
                                                      quoted(value)));
        }
        host.tunnel_address = *address;
        return {};
    }
    constexpr std::uint32_t largest_port = 0xfffffeff;  // above are OpenFlow's reserved ones
    std::uint32_t port = 0;
    const auto* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, port);
    if (error != std::errc() || rest != end || port == 0 || port > largest_port) {
        return fail(ErrorKind::usage, fmt::format("tunnel-port = {} is no number of a port, as "
                                                  "'ovs-vsctl get interface NAME ofport' shows it",
                                                  quoted(value)));
    }
    host.tunnel_port = netflow::Port{port};
    return {};
}

std::string_view missing_key(const handover::OvsHost& host) {
    if (!is_set(host.openflow)) {
        return "openflow";
    }
    if (!is_set(host.ovsdb)) {
        return "ovsdb";
    }
    return host.tunnel_address == netflow::Ipv4{} ? "tunnel-address" : "";
}

bool leaves_in_clear_text(const Endpoint& endpoint) {
    return endpoint.kind == Endpoint::Kind::tcp && endpoint.host != "localhost" &&
           endpoint.host != "::1" && !endpoint.host.starts_with("127.");
}

}  // namespace vmigrate::cli
