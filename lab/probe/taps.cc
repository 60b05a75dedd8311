// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/taps.h"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "probe/period.h"

namespace vmigrate::lab {
namespace {

constexpr std::uint64_t kPeriodNs = 500'000;
constexpr std::string_view kTap = "vnet";  // libvirt's names
constexpr int kSentColumn = 9;             // a tap sends what QEMU takes

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

std::uint64_t delivered(int devices) {
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
    return packets;
}

}  // namespace

TapWatch::TapWatch(std::vector<int> devices) : devices_(std::move(devices)) {
    if (!devices_.empty()) {
        thread_ = std::thread([this] { watch(); });
    }
}

TapWatch::~TapWatch() {
    longest();
}

Silence TapWatch::longest() {
    done_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
    return longest_;
}

void TapWatch::watch() {
    sched_param parameter = {};
    parameter.sched_priority = 5;
    sched_setscheduler(0, SCHED_FIFO, &parameter);  // better, not needed
    prctl(PR_SET_TIMERSLACK, 1000);
    std::vector<std::uint64_t> known;
    for (const int devices : devices_) {
        known.push_back(delivered(devices));
    }
    std::uint64_t last_ns = clock_ns(CLOCK_MONOTONIC);
    for (Period period(kPeriodNs); !done_; period.wait()) {
        bool any = false;
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            // a tap that goes takes its count with it: then it is less
            const std::uint64_t packets = delivered(devices_[i]);
            any = any || packets > known[i];
            known[i] = packets;
        }
        const std::uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        if (any && now_ns - last_ns > longest_.length_ns) {
            longest_ = {now_ns - last_ns, last_ns};
        }
        last_ns = any ? now_ns : last_ns;
    }
}

}  // namespace vmigrate::lab
