// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "probe/packet.h"
#include "probe/period.h"
#include "probe/tcp_counters.h"

namespace vmigrate::lab {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kChunkBytes = 512;
constexpr std::uint64_t kPeriodNs = 5'000'000;

// The byte at a place of the stream; 251 is prime, so that no chunk looks like the one before.
char byte_at(std::uint64_t place) {
    return static_cast<char>(place % 251);
}

class Stream {
  public:
    explicit Stream(int fd) : fd_(fd), timeouts_before_(retransmission_timeouts()) {}
    ~Stream() { close(fd_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void run(std::uint64_t end_ns, const std::atomic<bool>& ending) {
        for (Period period(kPeriodNs);
             clock_ns(CLOCK_MONOTONIC) < end_ns && !ending && result_.error.empty();
             period.wait()) {
            send_chunk();
            while (result_.error.empty() && receive(0)) {
            }
        }
    }

    // Ends the own side and reads until the other ends its own.
    void finish(std::uint64_t end_ns) {
        while (pending_ > 0 && result_.error.empty() && clock_ns(CLOCK_MONOTONIC) < end_ns) {
            send_pending();
            receive(10);
        }
        result_.retransmitted_out = retransmitted_segments(fd_);
        shutdown(fd_, SHUT_WR);
        while (!closed_ && result_.error.empty()) {
            if (clock_ns(CLOCK_MONOTONIC) > end_ns) {
                result_.error = "the stream did not come back";
                return;
            }
            receive(100);
        }
    }

    StreamResult result(std::uint64_t responder_timeouts_before) {
        if (result_.error.empty()) {
            StreamEnd end = {};
            if (rest_.size() != sizeof end || result_.bytes != sent_) {
                result_.error = "the stream ended early";
                return result_;
            }
            std::memcpy(&end, rest_.data(), sizeof end);
            result_.retransmitted_back = end.retransmitted;
            result_.timeouts_back = end.timeouts - responder_timeouts_before;
            timeouts_total_ = end.timeouts;
        }
        result_.retransmitted_out =
            std::max(result_.retransmitted_out, retransmitted_segments(fd_));
        result_.timeouts_out = retransmission_timeouts() - timeouts_before_;
        return result_;
    }

    std::uint64_t responder_timeouts() const { return timeouts_total_; }

  private:
    void fail(const char* what) {
        result_.reset = errno == ECONNRESET || errno == EPIPE;
        result_.error = std::string(what) + ": " + std::strerror(errno);
    }

    void send_chunk() {
        pending_ += kChunkBytes;
        send_pending();
    }

    void send_pending() {
        std::array<char, 4 * kChunkBytes> chunk;
        const std::size_t size = std::min(pending_, chunk.size());
        for (std::size_t i = 0; i < size; ++i) {
            chunk[i] = byte_at(sent_ + i);
        }
        const ssize_t done = send(fd_, chunk.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done > 0) {
            sent_ += static_cast<std::uint64_t>(done);
            pending_ -= static_cast<std::size_t>(done);
        } else if (done < 0 && errno != EAGAIN) {
            fail("sending");
        }
    }

    // Reads what is there; false if there was nothing.
    bool receive(int wait_ms) {
        pollfd waiting = {fd_, POLLIN, 0};
        if (poll(&waiting, 1, wait_ms) <= 0) {
            return false;
        }
        std::array<char, 16384> data;
        const ssize_t size = recv(fd_, data.data(), data.size(), MSG_DONTWAIT);
        if (size < 0) {
            fail("receiving");
            return false;
        }
        if (size == 0) {
            closed_ = true;
            return false;
        }
        const std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
        if (last_ns_ != 0) {
            result_.longest_gap_ns = std::max(result_.longest_gap_ns, now - last_ns_);
        }
        last_ns_ = now;
        take(data.data(), static_cast<std::size_t>(size));
        return true;
    }

    // What goes beyond the bytes sent is the other side's last word.
    void take(const char* data, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            if (result_.bytes == sent_) {
                rest_.push_back(data[i]);
            } else if (data[i] == byte_at(result_.bytes)) {
                ++result_.bytes;
            } else {
                result_.error = "a wrong byte came back";
            }
        }
    }

    const int fd_;
    const std::uint64_t timeouts_before_;
    StreamResult result_;
    std::uint64_t sent_ = 0;
    std::size_t pending_ = 0;  // due, not yet sent
    std::uint64_t last_ns_ = 0;
    std::uint64_t timeouts_total_ = 0;
    bool closed_ = false;
    std::vector<char> rest_;
};

int connect_to(const std::string& address, nanoseconds patience) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // connect() alone tries for two minutes; whatever is sent later does not wait
    const auto most = std::chrono::ceil<std::chrono::seconds>(patience);
    const timeval longest = {static_cast<time_t>(most.count()), 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(kStreamPort);
    if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1 ||
        connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

}  // namespace

StreamResult run_stream(const std::string& address, nanoseconds duration, nanoseconds patience,
                        const std::atomic<bool>& ending) {
    StreamResult failure;
    // a stream of nothing, for what the other side's count of timeouts was before
    int fd = connect_to(address, patience);
    if (fd < 0) {
        failure.error = std::string("connecting: ") + std::strerror(errno);
        return failure;
    }
    const auto patience_ns = static_cast<std::uint64_t>(patience.count());
    std::uint64_t timeouts_before = 0;
    {
        Stream empty(fd);
        empty.finish(clock_ns(CLOCK_MONOTONIC) + patience_ns);
        failure = empty.result(0);
        if (!failure.error.empty()) {
            return failure;
        }
        timeouts_before = empty.responder_timeouts();
    }
    fd = connect_to(address, patience);
    if (fd < 0) {
        failure.error = std::string("connecting: ") + std::strerror(errno);
        return failure;
    }
    Stream stream(fd);
    stream.run(clock_ns(CLOCK_MONOTONIC) + static_cast<std::uint64_t>(duration.count()), ending);
    stream.finish(clock_ns(CLOCK_MONOTONIC) + patience_ns);
    return stream.result(timeouts_before);
}

}  // namespace vmigrate::lab
