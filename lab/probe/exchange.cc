// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "heartbeat/arrival.h"
#include "probe/period.h"
#include "probe/sequence.h"

namespace vmigrate::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr int kBufferBytes = 8 << 20;
constexpr milliseconds kAskAgain{100};
constexpr milliseconds kOnTheWay{500};  // what was sent has arrived by then, or never will

nanoseconds now() {
    return nanoseconds(clock_ns(CLOCK_MONOTONIC));
}

int connect_to(const std::string& address) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
    ask_arrival_times(fd);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(kProbePort);
    if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1 ||
        connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

// Both directions of a session; the receiving thread lives as long as this does.
class Session {
  public:
    explicit Session(int fd) : fd_(fd) {
        if (getrandom(&id_, sizeof id_, 0) != sizeof id_) {
            id_ = clock_ns(CLOCK_REALTIME);
        }
        receiver_ = std::thread([this] { receive(); });
    }
    ~Session() {
        done_ = true;
        receiver_.join();
        close(fd_);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    bool start(const ExchangeOptions& options, const std::atomic<bool>& ending) {
        // the responder ends by itself when nobody stops it
        const auto limit =
            static_cast<std::uint64_t>((options.duration + options.patience) / options.period + 1);
        const ProbeStart start = {{kProbeMagic, ProbeKind::start, id_, 0},
                                  static_cast<std::uint64_t>(options.period.count()),
                                  std::min(limit, SequenceBook::kMost)};
        for (const nanoseconds end = now() + options.patience; !started_; pause()) {
            if (now() > end || ending) {
                return false;
            }
            send(fd_, &start, sizeof start, 0);
        }
        return true;
    }

    void send_probes(const ExchangeOptions& options, const std::atomic<bool>& ending) {
        sched_param parameter = {};
        parameter.sched_priority = 5;
        sched_setscheduler(0, SCHED_FIFO, &parameter);  // better, not needed
        prctl(PR_SET_TIMERSLACK, 1000);
        Probe probe = {kProbeMagic, ProbeKind::probe, id_, 0};
        TapWatch taps(options.taps);
        Period period(static_cast<std::uint64_t>(options.period.count()));
        for (const nanoseconds end = now() + options.duration;
             !ending && now() < end && sent_at_.size() < SequenceBook::kMost; period.wait()) {
            probe.sequence = sent_at_.size();
            if (send(fd_, &probe, sizeof probe, 0) == sizeof probe) {
                sent_at_.push_back(clock_ns(CLOCK_MONOTONIC));
            }
        }
        taps_ = taps.longest();
    }

    // Waits for what is on the way, in both directions, and asks for the other side's counts.
    bool stop(const ExchangeOptions& options) {
        std::this_thread::sleep_for(kOnTheWay);
        const ProbeStop stop = {{kProbeMagic, ProbeKind::stop, id_, sent_at_.size()}};
        for (const nanoseconds end = now() + options.patience; !answer(); pause()) {
            if (now() > end) {
                return false;
            }
            send(fd_, &stop, sizeof stop, 0);
        }
        std::this_thread::sleep_for(kOnTheWay);
        return true;
    }

    ExchangeResult result() {
        const std::lock_guard lock(mutex_);
        ExchangeResult result;
        result.outward = {sent_at_.size(), stopped_->tally, 0, 0};
        if (stopped_->tally.reordered > 0) {
            result.outward.first_reordered_ns = sent_at_[stopped_->tally.first_reordered];
            result.outward.last_reordered_ns = sent_at_[stopped_->tally.last_reordered];
        }
        result.back = {stopped_->head.sequence, book_.tally(stopped_->head.sequence),
                       first_reordered_ns_, last_reordered_ns_};
        if (stopped_->tally.lost > 0) {
            result.longest_loss_start_ns = sent_at_[stopped_->tally.longest_loss_start];
        }
        result.longest_gap_ns = longest_gap_ns_;
        result.longest_gap_start_ns = longest_gap_start_ns_;
        result.taps = taps_;
        return result;
    }

  private:
    static void pause() { std::this_thread::sleep_for(kAskAgain); }

    bool answer() {
        const std::lock_guard lock(mutex_);
        return stopped_.has_value();
    }

    void receive() {
        sched_param parameter = {};
        parameter.sched_priority = 5;
        sched_setscheduler(0, SCHED_FIFO, &parameter);
        while (!done_) {
            pollfd waiting = {fd_, POLLIN, 0};
            if (poll(&waiting, 1, 50) > 0) {
                receive_one();
            }
        }
    }

    void receive_one() {
        char data[256];
        std::uint64_t arrived_ns = 0;
        const ssize_t size = receive_stamped(fd_, data, sizeof data, MSG_DONTWAIT, arrived_ns);
        Probe head = {};
        if (size < static_cast<ssize_t>(sizeof head)) {
            return;
        }
        std::memcpy(&head, data, sizeof head);
        if (head.magic != kProbeMagic || head.session != id_) {
            return;
        }
        if (head.kind == ProbeKind::started) {
            started_ = true;
        } else if (head.kind == ProbeKind::probe) {
            count(head.sequence, to_monotonic_ns(arrived_ns));
        } else if (head.kind == ProbeKind::stopped && size == sizeof(ProbeStopped)) {
            const std::lock_guard lock(mutex_);
            ProbeStopped stopped = {};
            std::memcpy(&stopped, data, sizeof stopped);
            stopped_ = stopped;
        }
    }

    void count(std::uint64_t sequence, std::uint64_t arrived_ns) {
        const std::lock_guard lock(mutex_);
        if (book_.add(sequence) == SequenceBook::Arrival::late) {
            first_reordered_ns_ = first_reordered_ns_ == 0 ? arrived_ns : first_reordered_ns_;
            last_reordered_ns_ = arrived_ns;
        }
        if (last_ns_ != 0 && arrived_ns > last_ns_ && arrived_ns - last_ns_ > longest_gap_ns_) {
            longest_gap_ns_ = arrived_ns - last_ns_;
            longest_gap_start_ns_ = last_ns_;
        }
        last_ns_ = arrived_ns;
    }

    const int fd_;
    std::uint64_t id_ = 0;
    std::vector<std::uint64_t> sent_at_;  // by sequence; monotonic
    std::vector<Silence> taps_;
    std::atomic<bool> started_{false};
    std::atomic<bool> done_{false};
    std::mutex mutex_;  // for what is below
    std::optional<ProbeStopped> stopped_;
    SequenceBook book_;
    std::uint64_t first_reordered_ns_ = 0;
    std::uint64_t last_reordered_ns_ = 0;
    std::uint64_t last_ns_ = 0;
    std::uint64_t longest_gap_ns_ = 0;
    std::uint64_t longest_gap_start_ns_ = 0;
    std::thread receiver_;
};

ExchangeResult failed(const std::string& error) {
    ExchangeResult result;
    result.error = error;
    return result;
}

}  // namespace

ExchangeResult exchange(const ExchangeOptions& options, const std::atomic<bool>& ending) {
    const int fd = connect_to(options.address);
    if (fd < 0) {
        return failed("no way to " + options.address);
    }
    Session session(fd);
    if (!session.start(options, ending)) {
        return failed(options.address + " does not answer");
    }
    session.send_probes(options, ending);
    if (!session.stop(options)) {
        return failed(options.address + " did not tell its counts");
    }
    return session.result();
}

}  // namespace vmigrate::lab
