// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/responder.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <thread>

#include "probe/packet.h"
#include "probe/period.h"
#include "probe/sequence.h"

namespace vmigrate::lab {
namespace {

constexpr std::size_t kSessions = 8;
constexpr int kBufferBytes = 4 << 20;

int probe_socket() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_port = htons(kProbePort);
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
        std::printf("probe: no port %u: %m\n", kProbePort);
        std::abort();
    }
    return fd;
}

// The load must not keep a probe waiting.
void go_first(int priority) {
    sched_param parameter = {};
    parameter.sched_priority = priority;
    sched_setscheduler(0, SCHED_FIFO, &parameter);
}

class Session {
  public:
    Session(int fd, const sockaddr_in& peer, const ProbeStart& start)
        : id(start.head.session), fd_(fd), peer_(peer), start_(start) {}
    ~Session() { stop(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // A probe came, so the prober has heard that we are here: the way back is there, too, and the
    // own stream can begin.
    void take(std::uint64_t sequence) {
        if (!sender_.joinable() && !ending_) {
            sender_ = std::thread([this] { send(); });
        }
        book_.add(sequence);
    }

    Tally tally(std::uint64_t sent) const { return book_.tally(sent); }

    // Ends the own stream; returns how many it was.
    std::uint64_t stop() {
        ending_ = true;
        if (sender_.joinable()) {
            sender_.join();
        }
        return sent_;
    }

    const std::uint64_t id;

  private:
    void send() {
        go_first(8);
        Probe probe = {kProbeMagic, ProbeKind::probe, id, 0};
        for (Period period(start_.period_ns); !ending_ && sent_ < start_.limit; period.wait()) {
            probe.sequence = sent_;
            if (sendto(fd_, &probe, sizeof probe, 0, reinterpret_cast<const sockaddr*>(&peer_),
                       sizeof peer_) == sizeof probe) {
                ++sent_;
            }
        }
    }

    const int fd_;
    const sockaddr_in peer_;
    const ProbeStart start_;
    SequenceBook book_;
    std::atomic<bool> ending_{false};
    std::atomic<std::uint64_t> sent_{0};
    std::thread sender_;
};

class Responder {
  public:
    explicit Responder(int fd) : fd_(fd) {}

    void take(const char* data, std::size_t size, const sockaddr_in& from) {
        Probe head = {};
        if (size < sizeof head) {
            return;
        }
        std::memcpy(&head, data, sizeof head);
        if (head.magic != kProbeMagic) {
            return;
        }
        const auto session = std::find_if(sessions_.begin(), sessions_.end(),
                                          [&](const Session& s) { return s.id == head.session; });
        const bool known = session != sessions_.end();
        if (head.kind == ProbeKind::start && size == sizeof(ProbeStart)) {
            if (!known) {
                ProbeStart start = {};
                std::memcpy(&start, data, sizeof start);
                begin(start, from);
            }
            answer(Probe{kProbeMagic, ProbeKind::started, head.session, 0}, from);
        } else if (head.kind == ProbeKind::probe && known) {
            session->take(head.sequence);
        } else if (head.kind == ProbeKind::stop && known) {
            const std::uint64_t sent = session->stop();
            answer(ProbeStopped{{kProbeMagic, ProbeKind::stopped, head.session, sent},
                                session->tally(head.sequence)},
                   from);
        }
    }

  private:
    void begin(const ProbeStart& start, const sockaddr_in& from) {
        sessions_.emplace_front(fd_, from, start);
        if (sessions_.size() > kSessions) {
            sessions_.pop_back();
        }
    }

    template <typename Packet>
    void answer(const Packet& packet, const sockaddr_in& to) {
        sendto(fd_, &packet, sizeof packet, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }

    const int fd_;
    std::list<Session> sessions_;  // the latest first
};

}  // namespace

void respond_forever() {
    go_first(9);
    const int fd = probe_socket();
    Responder responder(fd);
    char buffer[256];
    for (;;) {
        sockaddr_in from = {};
        socklen_t length = sizeof from;
        const ssize_t size =
            recvfrom(fd, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (size > 0) {
            responder.take(buffer, static_cast<std::size_t>(size), from);
        }
    }
}

}  // namespace vmigrate::lab
