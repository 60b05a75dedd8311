// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/echo_probe.h"

#include <fmt/format.h>
#include <poll.h>

#include <atomic>
#include <ctime>
#include <thread>
#include <utility>

#include "probe/echo_book.h"
#include "probe/echo_socket.h"

namespace vmigrate::probe {
namespace {

constexpr milliseconds kPeriod{1};
constexpr milliseconds kFirstAnswer{2000};
constexpr milliseconds kFirstPeriod{100};
constexpr milliseconds kOnTheWay{500};  // what was sent has come back by then, or never will
constexpr milliseconds kDetour{50};     // what came another way than the last one, too

TimePoint now() {
    return std::chrono::steady_clock::now();
}

/// Takes what comes, until then.
template <class Take>
void listen(EchoSocket& socket, TimePoint until, Take take) {
    for (;;) {
        while (const auto number = socket.answer()) {
            take(*number);
        }
        const auto left = until - now();
        if (left <= left.zero()) {
            return;
        }
        const auto whole = std::chrono::floor<seconds>(left);
        const timespec patience{whole.count(), (left - whole).count()};
        pollfd waiting{socket.descriptor(), POLLIN, 0};
        ppoll(&waiting, 1, &patience, nullptr);
    }
}

bool answers(EchoSocket& socket) {
    EchoBook book;
    for (const auto end = now() + kFirstAnswer; now() < end;) {
        socket.ask(book.sent(now()));
        bool heard = false;
        listen(socket, now() + kFirstPeriod, [&](std::uint64_t) { heard = true; });
        if (heard) {
            return true;
        }
    }
    return false;
}

class EchoProbe final : public NetworkProbe {
  public:
    explicit EchoProbe(EchoSocket socket)
        : socket_(std::move(socket)), asking_([this] { ask(); }) {}
    ~EchoProbe() override { stop(); }
    EchoProbe(const EchoProbe&) = delete;
    EchoProbe& operator=(const EchoProbe&) = delete;

    ProbeCounts end() override {
        stop();
        return counts_;
    }
    std::vector<ProbeSlice> slices() override {
        stop();
        return slices_;
    }

  private:
    void stop() {
        ending_ = true;
        if (asking_.joinable()) {
            asking_.join();
        }
    }

    void ask() {
        const auto take = [this](std::uint64_t number) { book_.answered(number, now()); };
        for (auto next = now(); !ending_;) {
            // The book has no way to take a number back, so it is given only to what is sent.
            if (socket_.ask(number_)) {
                number_ = book_.sent(now()) + 1;
            }
            do {
                next += kPeriod;
            } while (next <= now());  // no burst for what this machine was late with
            listen(socket_, next, take);
        }
        const auto ended = now();
        while (!book_.last_is_answered() && now() < ended + kOnTheWay) {
            listen(socket_, now() + kPeriod, take);
        }
        listen(socket_, now() + kDetour, take);
        counts_ = book_.counts(ended);
        slices_ = book_.slices(ended);
    }

    EchoSocket socket_;
    EchoBook book_;
    std::uint64_t number_ = 0;
    ProbeCounts counts_;  ///< when the thread has ended
    std::vector<ProbeSlice> slices_;
    std::atomic<bool> ending_{false};
    std::thread asking_;
};

}  // namespace

Result<std::unique_ptr<NetworkProbe>> start_echo(const std::string& address) {
    auto socket = EchoSocket::open(address);
    if (!socket) {
        return fail(socket.error());
    }
    if (!answers(*socket)) {
        return fail(ErrorKind::unreachable, fmt::format("{} does not answer ICMP echo within {}",
                                                        address, format_time(kFirstAnswer)));
    }
    // Its answers to the first questions are not to be taken for those to the next.
    auto fresh = EchoSocket::open(address);
    if (!fresh) {
        return fail(fresh.error());
    }
    return std::unique_ptr<NetworkProbe>(std::make_unique<EchoProbe>(std::move(*fresh)));
}

}  // namespace vmigrate::probe
