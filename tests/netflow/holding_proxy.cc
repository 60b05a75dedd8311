// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/holding_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "netflow/must.h"

namespace vmigrate::test {
namespace {

using namespace std::chrono_literals;

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(path.size() < sizeof address.sun_path);
    path.copy(static_cast<char*>(address.sun_path), path.size());
    return address;
}

int unix_socket(const std::string& path, int (*use)(int, const sockaddr*, socklen_t)) {
    const int result = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(path);
    CHECK(result >= 0);
    CHECK(use(result, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return result;
}

bool is_readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 1) > 0;
}

/// False: that was the end.
bool read_some(int fd, std::string& to) {
    std::array<char, 65536> buffer;
    const auto count = read(fd, buffer.data(), buffer.size());
    if (count <= 0) {
        return false;
    }
    to.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
}

void write_some(int fd, std::string& from, std::size_t size) {
    if (size > 0 && send(fd, from.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size)) {
        from.erase(0, size);
    }
}

}  // namespace

HoldingProxy::HoldingProxy(std::string path, std::string target)
    : path_(std::move(path)), target_(std::move(target)) {
    unlink(path_.c_str());
    listener_ = unix_socket(path_, &bind);
    CHECK(listen(listener_, 8) == 0);
    thread_ = std::thread([this] { run(); });
}

HoldingProxy::~HoldingProxy() {
    stop_ = true;
    thread_.join();
    for (auto& one : clients_) {
        one.join();
    }
    close(listener_);
    unlink(path_.c_str());
}

void HoldingProxy::hold_from(int message_type) {
    hold_from_ = message_type;
}

void HoldingProxy::hold_answers() {
    hold_answers_ = true;
}

bool HoldingProxy::wait_until_held() const {
    for (int i = 0; i < 1000 && !held_; ++i) {
        std::this_thread::sleep_for(10ms);
    }
    return held_;
}

void HoldingProxy::release() {
    hold_from_ = nothing;
    hold_answers_ = false;
}

void HoldingProxy::run() {
    while (!stop_) {
        if (is_readable(listener_)) {
            const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            clients_.emplace_back([this, client] {
                const int server = unix_socket(target_, &connect);
                carry_on(client, server);
                close(client);
                close(server);
            });
        }
    }
}

void HoldingProxy::carry_on(int client, int server) {
    std::string to_server;
    std::string to_client;
    while (!stop_) {
        if ((is_readable(client) && !read_some(client, to_server)) ||
            (is_readable(server) && !read_some(server, to_client))) {
            return;
        }
        write_some(server, to_server, let_through(to_server));
        write_some(client, to_client, hold_answers_ ? 0 : to_client.size());
    }
}

std::size_t HoldingProxy::let_through(const std::string& waiting) {
    const int from = hold_from_;
    if (from == nothing) {
        return waiting.size();
    }
    std::size_t size = 0;
    while (from != anything && waiting.size() >= size + 8) {
        const auto octet = [&](std::size_t at) {
            return static_cast<std::size_t>(static_cast<unsigned char>(waiting[size + at]));
        };
        const auto length = octet(2) << 8U | octet(3);
        if (octet(1) == static_cast<std::size_t>(from) || waiting.size() < size + length) {
            break;
        }
        size += length;
    }
    held_ = held_ || size < waiting.size();
    return size;
}

}  // namespace vmigrate::test
