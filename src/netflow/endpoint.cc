// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/endpoint.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/text.h"

namespace vmigrate::netflow {

Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
    const auto bad = [text] {
        return fail(ErrorKind::usage,
                    quoted(text) + " is not unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT");
    };
    const auto colon = text.find(':');
    const auto kind = text.substr(0, colon);
    auto rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (rest.empty()) {
        return bad();
    }
    Endpoint endpoint;
    if (kind == "unix") {
        endpoint.path = rest;
        return endpoint;
    }
    if (kind != "tcp" && kind != "ssl") {
        return bad();
    }
    endpoint.kind = kind == "tcp" ? Endpoint::Kind::tcp : Endpoint::Kind::ssl;
    endpoint.port = default_port;
    auto host_end = rest.find(':');
    if (rest.front() == '[') {
        const auto bracket = rest.find(']');
        if (bracket == std::string_view::npos) {
            return bad();
        }
        endpoint.host = rest.substr(1, bracket - 1);
        host_end = bracket + 1;
    } else {
        endpoint.host = rest.substr(0, host_end);
    }
    if (endpoint.host.empty()) {
        return bad();
    }
    rest = rest.substr(std::min(host_end, rest.size()));
    if (rest.empty()) {
        return endpoint;
    }
    const char* end = rest.data() + rest.size();
    const auto [stop, error] = std::from_chars(rest.data() + 1, end, endpoint.port);
    if (rest.front() != ':' || error != std::errc() || stop != end || endpoint.port == 0) {
        return bad();
    }
    return endpoint;
}

std::string format(const Endpoint& endpoint) {
    if (endpoint.kind == Endpoint::Kind::unix_socket) {
        return "unix:" + endpoint.path;
    }
    const bool numbers = endpoint.host.find(':') != std::string::npos;
    return fmt::format("{}:{}:{}", endpoint.kind == Endpoint::Kind::tcp ? "tcp" : "ssl",
                       numbers ? "[" + endpoint.host + "]" : endpoint.host, endpoint.port);
}

bool wait_for(int fd, short events, TimePoint until) {
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
        const auto limit = std::clamp<milliseconds::rep>(left.count(), 0, 1'000'000);
        pollfd poller{fd, events, 0};
        const int ready = poll(&poller, 1, static_cast<int>(limit));
        if (ready > 0) {
            return true;
        }
        if (ready == 0 && left.count() <= 1'000'000) {
            return false;
        }
        if (ready < 0 && errno != EINTR) {
            return true;  // the next read or write says what is wrong
        }
    }
}

}  // namespace vmigrate::netflow
