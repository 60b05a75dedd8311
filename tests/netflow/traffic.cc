// SPDX-License-Identifier: GPL-2.0-or-later
#include "netflow/traffic.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netflow/must.h"

namespace vmigrate::test {
namespace {

constexpr std::uint16_t port = 7;
constexpr std::uint32_t most = 200'000;  ///< datagrams of one sender

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of(const std::string& text) {
    Address result;
    if (auto* ipv4 = reinterpret_cast<sockaddr_in*>(&result.storage);
        inet_pton(AF_INET, text.c_str(), &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
        result.size = sizeof *ipv4;
        return result;
    }
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    CHECK(inet_pton(AF_INET6, text.c_str(), &ipv6->sin6_addr) == 1);
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    result.size = sizeof *ipv6;
    return result;
}

/// A thread stays in the namespace that it enters; so it is one of its own.
int socket_in(const std::string& name, const Address& guest, bool of_guest) {
    int result = -1;
    std::thread([&] {
        const int entered = open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
        CHECK(entered >= 0 && setns(entered, CLONE_NEWNET) == 0);
        close(entered);
        result = socket(guest.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK(result >= 0);
        const int room = 8 << 20;
        setsockopt(result, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
        CHECK((of_guest ? bind : connect)(result, guest.generic(), guest.size) == 0);
    }).join();
    return result;
}

bool wait_for_any(const std::vector<int>& sockets, milliseconds patience) {
    std::vector<pollfd> fds;
    for (const int one : sockets) {
        fds.push_back({one, POLLIN, 0});
    }
    return poll(fds.data(), fds.size(), static_cast<int>(patience.count())) > 0;
}

}  // namespace

Traffic::Traffic(const std::vector<std::string>& senders, const std::vector<std::string>& guests,
                 const std::string& address) {
    const auto guest = address_of(address);
    for (const auto& name : senders) {
        senders_.push_back(socket_in(name, guest, false));
    }
    for (const auto& name : guests) {
        guests_.push_back(socket_in(name, guest, true));
    }
}

Traffic::~Traffic() {
    if (running_) {
        stop();
    }
    for (const auto* sockets : {&senders_, &guests_}) {
        for (const int one : *sockets) {
            close(one);
        }
    }
}

void Traffic::start(milliseconds between_datagrams) {
    counts_.assign(senders_.size(), std::vector<Counts>(most));
    sent_ = 0;
    sending_ = true;
    running_ = true;
    sender_ = std::thread([this, between_datagrams] { send_all(between_datagrams); });
    guest_ = std::thread([this] { answer_all(); });
}

Traffic::Tally Traffic::stop() {
    sending_ = false;
    std::this_thread::sleep_for(milliseconds(500));
    running_ = false;
    sender_.join();
    guest_.join();
    Tally tally;
    for (const auto& counts : counts_) {
        tally.sent += sent_;
        for (std::uint32_t i = 0; i < sent_; ++i) {
            const auto& one = counts[i];
            tally.lost += one.arrived == 0 ? 1 : 0;
            tally.duplicated += one.arrived > 1 ? 1 : 0;
            tally.answers_lost += one.arrived > 0 && one.answered == 0 ? 1 : 0;
            tally.answers_duplicated += one.answered > one.arrived ? 1 : 0;
        }
        for (std::uint32_t i = sent_; i > 0 && counts[i - 1].arrived == 0; --i) {
            ++tally.lost_at_the_end;
        }
    }
    return tally;
}

void Traffic::send_all(milliseconds between_datagrams) {
    auto next = std::chrono::steady_clock::now();
    while (running_) {
        if (sending_ && std::chrono::steady_clock::now() >= next && sent_ < most) {
            for (std::uint32_t i = 0; i < senders_.size(); ++i) {
                const Datagram datagram{i, sent_};
                CHECK(send(senders_[i], &datagram, sizeof datagram, 0) == sizeof datagram);
            }
            ++sent_;
            next += between_datagrams;
            continue;
        }
        const auto left = std::chrono::ceil<milliseconds>(next - std::chrono::steady_clock::now());
        if (!wait_for_any(senders_, std::max(left, milliseconds(1)))) {
            continue;
        }
        for (const int one : senders_) {
            Datagram datagram;
            while (recv(one, &datagram, sizeof datagram, 0) == sizeof datagram) {
                ++counts_.at(datagram.sender).at(datagram.number).answered;
            }
        }
    }
}

void Traffic::answer_all() {
    while (running_) {
        if (!wait_for_any(guests_, milliseconds(10))) {
            continue;
        }
        for (const int one : guests_) {
            Datagram datagram;
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            auto* generic = reinterpret_cast<sockaddr*>(&from);
            while (recvfrom(one, &datagram, sizeof datagram, 0, generic, &size) ==
                   sizeof datagram) {
                ++counts_.at(datagram.sender).at(datagram.number).arrived;
                CHECK(sendto(one, &datagram, sizeof datagram, 0, generic, size) == sizeof datagram);
            }
        }
    }
}

}  // namespace vmigrate::test
