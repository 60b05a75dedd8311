// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest/network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

#include "heartbeat/packet.h"

namespace vmigrate::lab {
namespace {

sockaddr_in endpoint(const char* address, std::uint16_t port) {
    sockaddr_in result = {};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    inet_pton(AF_INET, address, &result.sin_addr);
    return result;
}

int bound_socket(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in here = endpoint("0.0.0.0", port);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
        std::printf("load: no port %u: %m\n", port);
        std::abort();
    }
    return fd;
}

}  // namespace

std::string set_up_interface(const std::string& address) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request = {};
    std::strcpy(request.ifr_name, "eth0");
    const auto set = [&](unsigned long what, const char* value) {
        const sockaddr_in a = endpoint(value, 0);
        std::memcpy(&request.ifr_addr, &a, sizeof a);
        return ioctl(fd, what, &request) == 0;
    };
    bool done = set(SIOCSIFADDR, address.c_str()) && set(SIOCSIFNETMASK, "255.255.255.0");
    if (done) {
        request.ifr_flags = IFF_UP | IFF_RUNNING;
        done = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    }
    const int error = errno;
    close(fd);
    return done ? "" : std::string("eth0: ") + std::strerror(error);
}

void echo_forever() {
    const int fd = bound_socket(kEchoPort);
    char buffer[9000];
    for (;;) {
        sockaddr_in from = {};
        socklen_t length = sizeof from;
        auto* address = reinterpret_cast<sockaddr*>(&from);
        const ssize_t size = recvfrom(fd, buffer, sizeof buffer, 0, address, &length);
        if (size >= 0) {
            sendto(fd, buffer, static_cast<std::size_t>(size), 0, address, length);
        }
    }
}

void control_forever(SettingsStore& settings) {
    const int fd = bound_socket(kControlPort);
    char buffer[1400];
    std::string last;
    std::string answer;
    for (;;) {
        sockaddr_in from = {};
        socklen_t length = sizeof from;
        auto* address = reinterpret_cast<sockaddr*>(&from);
        const ssize_t size = recvfrom(fd, buffer, sizeof buffer, 0, address, &length);
        if (size <= 0) {
            continue;
        }
        const std::string_view message(buffer, static_cast<std::size_t>(size));
        if (message != last) {  // else its answer was lost, or came late; damage is done once
            last = message;
            const std::string_view id = message.substr(0, message.find(' '));
            const std::string error = settings.apply(message.substr(id.size()));
            answer = std::string(id) + (error.empty() ? " ok" : " error: " + error);
        }
        sendto(fd, answer.data(), answer.size(), 0, address, length);
    }
}

void heartbeat_forever(const Counters& counters, std::uint64_t guest, const std::string& peer) {
    sched_param priority = {};
    priority.sched_priority = 10;
    sched_setscheduler(0, SCHED_FIFO, &priority);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const sockaddr_in to = endpoint(peer.c_str(), kHeartbeatPort);
    Heartbeat beat = {};
    beat.magic = kHeartbeatMagic;
    beat.guest = guest;
    // not blocking: early in the boot there is no entropy yet, and some is enough
    if (getrandom(&beat.boot, sizeof beat.boot, GRND_INSECURE) != sizeof beat.boot) {
        timespec now = {};
        clock_gettime(CLOCK_REALTIME, &now);
        beat.boot = static_cast<std::uint64_t>(now.tv_sec * 1'000'000'000 + now.tv_nsec);
    }
    const auto now_ns = [] {
        timespec now = {};
        clock_gettime(CLOCK_MONOTONIC, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(now.tv_nsec);
    };
    std::uint64_t next = now_ns();
    for (;;) {
        beat.flags = counters.loads_to_fill == 0 ? kFlagReady : 0;
        beat.sequence += 1;
        beat.transactions = counters.transactions;
        beat.dirtied_bytes = counters.dirtied_bytes;
        beat.disk_written_bytes = counters.disk_written_bytes;
        beat.memory_passes = counters.memory_passes;
        beat.disk_passes = counters.disk_passes;
        beat.errors = counters.errors;
        beat.verified_bytes = counters.verified_bytes;
        if (const auto finding = counters.findings.turn(beat.sequence)) {
            std::snprintf(beat.finding, sizeof beat.finding, "%s", finding->c_str());
        }
        sendto(fd, &beat, sizeof beat, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to),
               sizeof to);
        next += kHeartbeatPeriodNs;
        if (const std::uint64_t now = now_ns(); next < now) {
            next = now;
        }
        timespec until = {};
        until.tv_sec = static_cast<time_t>(next / 1'000'000'000);
        until.tv_nsec = static_cast<long>(next % 1'000'000'000);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
}

}  // namespace vmigrate::lab
