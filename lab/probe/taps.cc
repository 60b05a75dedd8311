// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/taps.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "probe/period.h"

namespace vmigrate::lab {
namespace {

constexpr std::uint64_t kPeriodNs = 500'000;
constexpr std::string_view kTap = "vnet";  // libvirt's names
constexpr int kSentColumn = 9;             // a tap sends what QEMU takes
constexpr std::size_t kKept = 5;
constexpr unsigned kBlankType = 0x88b5;  // for local experiments, IEEE 802

std::string_view next_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    return word;
}

std::uint64_t sent_packets(std::string_view line) {
    std::uint64_t packets = 0;
    std::string_view word;
    for (int column = 0; column <= kSentColumn + 1; ++column) {  // the first is the name
        word = next_word(line);
    }
    std::from_chars(word.data(), word.data() + word.size(), packets);
    return packets;
}

std::int64_t taken_from_taps(int devices) {
    char buffer[8192];
    const ssize_t size = pread(devices, buffer, sizeof buffer, 0);
    std::string_view text(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
    std::uint64_t packets = 0;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (line.starts_with(kTap)) {
            packets += sent_packets(line);
        }
    }
    return static_cast<std::int64_t>(packets);
}

// All of the network that the thread is in.
int socket_for_blanks() {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kBlankType, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, 64), BPF_STMT(BPF_RET | BPF_K, 0)};
    const sock_fprog filter{static_cast<unsigned short>(std::size(code)), code};
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_ll all = {};
    all.sll_family = AF_PACKET;
    all.sll_protocol = htons(ETH_P_ALL);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0 ||
        bind(fd, reinterpret_cast<const sockaddr*>(&all), sizeof all) != 0) {
        std::perror("probe: a host's packets");
        std::abort();
    }
    return fd;
}

// New ones.
std::int64_t blanks_sent(int socket) {
    std::int64_t count = 0;
    char frame[64];
    sockaddr_ll from = {};
    socklen_t size = sizeof from;
    while (recvfrom(socket, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &size) >
           0) {
        count += from.sll_pkttype == PACKET_OUTGOING ? 1 : 0;
        size = sizeof from;
    }
    return count;
}

}  // namespace

TapWatch::TapWatch(const std::vector<int>& networks) {
    for (const int network : networks) {
        hosts_.push_back(look_into(network));
    }
    if (!hosts_.empty()) {
        thread_ = std::thread([this] { watch(); });
    }
}

TapWatch::~TapWatch() {
    longest();
    for (const auto& host : hosts_) {
        close(host.devices);
        close(host.blanks);
    }
}

// A thread stays in the network that it enters, so it is one of its own.
TapWatch::Host TapWatch::look_into(int network) {
    Host host;
    std::thread([&] {
        if (setns(network, CLONE_NEWNET) != 0) {
            std::perror("probe: a host's network");
            std::abort();
        }
        host.devices = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
        host.blanks = socket_for_blanks();
    }).join();
    host.taken = host.highest = taken_from_taps(host.devices);
    return host;
}

// Which packets QEMU took is not known. One of vmigrate's counts from when it is sent, before QEMU
// can take it: so it is never counted as somebody's.
bool TapWatch::took_something(Host& host) {
    const auto taken = taken_from_taps(host.devices);
    host.asked += blanks_sent(host.blanks);
    const auto others = taken - host.asked;
    // a tap that goes takes its count with it: then it is less
    const bool more = taken >= host.taken && others > host.highest;
    host.highest = taken < host.taken ? others : std::max(host.highest, others);
    host.taken = taken;
    return more;
}

std::vector<Silence> TapWatch::longest() {
    done_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
    return longest_;
}

void TapWatch::keep(Silence silence) {
    const auto shorter = [&](const Silence& one) { return one.length_ns < silence.length_ns; };
    longest_.insert(std::find_if(longest_.begin(), longest_.end(), shorter), silence);
    longest_.resize(std::min(longest_.size(), kKept));
}

void TapWatch::watch() {
    sched_param parameter = {};
    parameter.sched_priority = 5;
    sched_setscheduler(0, SCHED_FIFO, &parameter);  // better, not needed
    prctl(PR_SET_TIMERSLACK, 1000);
    std::uint64_t last_ns = clock_ns(CLOCK_MONOTONIC);
    for (Period period(kPeriodNs); !done_; period.wait()) {
        bool any = false;
        for (auto& host : hosts_) {
            any |= took_something(host);
        }
        const std::uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        if (any) {
            keep({now_ns - last_ns, last_ns});
            last_ns = now_ns;
        }
    }
}

}  // namespace vmigrate::lab
