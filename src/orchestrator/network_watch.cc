// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/network_watch.h"

#include <vector>

#include "base/median.h"

namespace vmigrate {
namespace {

constexpr milliseconds kMemory{std::chrono::minutes(1)};
/// One reading alone may be anything.
constexpr std::size_t kLatest = 3;
constexpr double kDrop = 0.5;
constexpr milliseconds kStuckAfter{std::chrono::seconds(10)};

}  // namespace

void BandwidthWatch::saw(const Sample& sample) {
    if (sample.bandwidth.count == 0) {
        return;
    }
    readings_.push_back({sample.at, sample.bandwidth});
    while (sample.at - readings_.front().at > kMemory) {
        readings_.pop_front();
    }
}

BytesPerSecond BandwidthWatch::usual() const {
    std::vector<BytesPerSecond> rates;
    for (const auto& reading : readings_) {
        rates.push_back(reading.bandwidth);
    }
    return median(std::move(rates)).value_or(BytesPerSecond{});
}

BytesPerSecond BandwidthWatch::lately() const {
    std::vector<BytesPerSecond> rates;
    for (auto reading = readings_.rbegin(); reading != readings_.rend() && rates.size() < kLatest;
         ++reading) {
        rates.push_back(reading->bandwidth);
    }
    return median(std::move(rates)).value_or(BytesPerSecond{});
}

bool BandwidthWatch::dropped() const {
    return readings_.size() > kLatest && lately() < usual() * kDrop;
}

bool PostcopyWatch::stuck(const Sample& sample) {
    if (sample.memory_remaining != remaining_) {
        remaining_ = sample.memory_remaining;
        since_ = sample.at;
        return false;
    }
    if (sample.at - since_ < kStuckAfter) {
        return false;
    }
    since_ = sample.at;
    return true;
}

}  // namespace vmigrate
