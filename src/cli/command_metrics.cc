// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <httplib.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/metrics.h"
#include "cli/output_file.h"

namespace vmigrate::cli {
namespace {

constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

Result<std::string> collect(const Config& config) {
    const SystemClock clock;
    auto store = open_history(config, history::Store::Access::read_only, clock);
    if (!store) {
        return fail(std::move(store.error()));
    }
    history::Filter all;
    all.limit = 0;
    auto migrations = (*store)->list(all);
    if (!migrations) {
        return fail(std::move(migrations.error()));
    }
    auto evacuations = (*store)->evacuations()->under_way();
    if (!evacuations) {
        return fail(std::move(evacuations.error()));
    }
    return metrics_text(
        {std::move(*migrations), std::move(*evacuations), clock.wall(), VMIGRATE_VERSION});
}

struct Address {
    std::string host = "127.0.0.1";
    int port = 0;
};

/// "PORT", "ADDRESS:PORT" or "[IPV6]:PORT".
Result<Address> parse_address(const std::string& text) {
    Address address;
    auto port = text;
    if (const auto colon = text.rfind(':'); colon != std::string::npos) {
        address.host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
            address.host = address.host.substr(1, address.host.size() - 2);
        }
    }
    const auto* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data(), end, address.port);
    if (error != std::errc() || stop != end || address.port < 1 || address.port > 65535 ||
        address.host.empty()) {
        return fail(ErrorKind::usage, fmt::format("--listen {}: it is a port, as 9177, or an "
                                                  "address with a port, as 192.0.2.1:9177",
                                                  quoted(text)));
    }
    return address;
}

/// Until the process is ended.
int serve(const Config& config, const Address& address) {
    httplib::Server server;
    // Its own choice lets a second process share the port
    server.set_socket_options([](socket_t socket) {
        const int yes = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server.Get("/metrics", [&config](const httplib::Request&, httplib::Response& response) {
        const auto text = collect(config);
        if (text) {
            response.set_content(*text, content_type);
        } else {
            response.status = 500;
            response.set_content(text.error().message + "\n", "text/plain");
        }
    });
    if (!server.bind_to_port(address.host, address.port)) {
        return complain(
            {ErrorKind::network, fmt::format("cannot listen on {} port {}: {}", address.host,
                                             address.port, std::strerror(errno))});
    }
    return server.listen_after_bind() ? kExitDone : kExitBlocked;
}

}  // namespace

int run_metrics(const Words& words) {
    Arguments arguments(
        "metrics", "Print what the history says as metrics, for Prometheus.",
        "vmigrate metrics\n"
        "vmigrate metrics --output /var/lib/prometheus/node-exporter/vmigrate.prom\n"
        "vmigrate metrics --listen 9177");
    std::optional<std::string> output;
    std::optional<std::string> listen;
    auto* to_file = arguments.app()
                        .add_option("--output", output, "Into this file, at once")
                        ->type_name("FILE");
    arguments.app()
        .add_option("--listen", listen, "Answer HTTP there at /metrics; default address 127.0.0.1")
        ->type_name("[ADDRESS:]PORT")
        ->excludes(to_file);
    if (const auto code = arguments.parse(words)) {
        return *code;
    }
    if (arguments.json()) {
        return complain({ErrorKind::usage,
                         "metrics: it has one format, that of Prometheus; for "
                         "JSON see vmigrate history --json"});
    }
    const auto config = load_or_complain(arguments.config_path());
    if (!config) {
        return kExitUsage;
    }
    if (listen) {
        const auto address = parse_address(*listen);
        return address ? serve(*config, *address) : complain(address.error());
    }
    const auto text = collect(*config);
    if (!text) {
        return complain(text.error());
    }
    if (!output) {
        fmt::print("{}", *text);
        return kExitDone;
    }
    const auto written = write_at_once(*output, *text, Readers::everybody);
    return written ? kExitDone : complain(written.error());
}

}  // namespace vmigrate::cli
