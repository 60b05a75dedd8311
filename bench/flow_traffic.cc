// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow_traffic.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vmigrate::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::uint16_t local_experiments = 0x88b5;  // IEEE 802's type for such frames
constexpr std::size_t head = 14;
using Frame = std::array<std::uint8_t, 60>;
/// A sender that was late makes up for so much at once; more would test queues.
constexpr milliseconds made_up{20};
constexpr milliseconds under_way{500};

int open_on(const std::string& interface) {
    const int fd = socket(AF_PACKET, SOCK_RAW, htons(local_experiments));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(local_experiments);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    const int plenty = 1 << 26;
    if (fd < 0 || address.sll_ifindex == 0 ||
        bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &plenty, sizeof plenty) != 0) {
        std::fprintf(stderr, "bench_flows: cannot use the interface %s: %s\n", interface.c_str(),
                     std::strerror(errno));
        std::exit(1);
    }
    return fd;
}

}  // namespace

Traffic::Traffic(const std::string& from, const std::string& to, unsigned per_second)
    : out_(open_on(from)),
      in_(open_on(to)),
      sender_([this, per_second] { send_all(per_second); }),
      receiver_([this] { receive_all(); }) {}

Traffic::~Traffic() {
    end();
    close(out_);
    close(in_);
}

Traffic::Count Traffic::end() {
    ending_ = true;
    if (sender_.joinable()) {
        sender_.join();
        receiver_.join();
    }
    Count count{sent_, 0, std::chrono::ceil<milliseconds>(longest_gap_)};
    arrived_.resize(sent_);
    for (const bool one : arrived_) {
        count.lost += one ? 0 : 1;
    }
    return count;
}

void Traffic::send_all(unsigned per_second) {
    const nanoseconds period = nanoseconds(std::chrono::seconds(1)) / per_second;
    Frame frame{0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5};
    auto next = steady_clock::now();
    while (!ending_) {
        std::memcpy(&frame[head], &sent_, sizeof sent_);
        if (write(out_, frame.data(), frame.size()) == static_cast<ssize_t>(frame.size())) {
            ++sent_;
        }
        next = std::max(next + period, steady_clock::now() - made_up);
        std::this_thread::sleep_until(next);
    }
}

void Traffic::receive_all() {
    Frame frame{};
    steady_clock::time_point last{};
    pollfd waiting{in_, POLLIN, 0};
    while (poll(&waiting, 1, static_cast<int>(under_way.count())) > 0 || !ending_) {
        if (recv(in_, frame.data(), frame.size(), MSG_DONTWAIT) < 0) {
            continue;
        }
        std::uint64_t number = 0;
        std::memcpy(&number, &frame[head], sizeof number);
        if (number >= arrived_.size()) {
            arrived_.resize(number + 1);
        }
        arrived_[number] = true;
        const auto now = steady_clock::now();
        if (last != steady_clock::time_point{}) {
            longest_gap_ = std::max<nanoseconds>(longest_gap_, now - last);
        }
        last = now;
    }
}

}  // namespace vmigrate::bench
