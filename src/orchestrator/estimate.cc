// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/estimate.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace vmigrate {
namespace {

/// Over less time what is left falls by single bursts.
constexpr double kShortestWindow = 0.2;
/// After so long without progress there is none.
constexpr double kStandstill = 2;
/// Half of the readings are between these two shares.
constexpr double kQuarter = 0.25;
/// What was measured before the start counts a page once however often it is written.
constexpr double kMostExpected = 2.0;
/// Iterations that get shorter by less than the readings differ do not get shorter.
constexpr double kConverges = 0.95;
/// Beyond this it is no forecast but a way to say never.
constexpr double kForever = 30.0 * 24 * 3600;

double number(Bytes size) {
    return static_cast<double>(size.count);
}
double number(BytesPerSecond rate) {
    return static_cast<double>(rate.count);
}
double seconds_between(TimePoint from, TimePoint to) {
    return std::chrono::duration<double>(to - from).count();
}
double seconds_in(milliseconds time) {
    return std::chrono::duration<double>(time).count();
}

bool copies_memory(const Sample& sample) {
    return sample.memory_total.count > 0;
}

double left_in(const Sample& sample) {
    return number(sample.memory_remaining) + number(sample.disk_remaining);
}

double kept(unsigned throttle_percent) {
    return (100.0 - std::min(throttle_percent, 99U)) / 100.0;
}

std::optional<milliseconds> rounded(std::optional<double> time) {
    if (!time || *time > kForever) {
        return std::nullopt;
    }
    return milliseconds(static_cast<std::int64_t>(*time * 1e3));
}

}  // namespace

void RateWindow::add(double reading) {
    readings_.push_back(reading);
    if (readings_.size() > most_) {
        readings_.pop_front();
    }
}

void RateWindow::scale(double factor) {
    for (auto& reading : readings_) {
        reading *= factor;
    }
}

double RateWindow::quantile(double share) const {
    std::vector<double> sorted(readings_.begin(), readings_.end());
    std::ranges::sort(sorted);
    const auto place = std::llround(share * static_cast<double>(sorted.size() - 1));
    return sorted[static_cast<std::size_t>(place)];
}

void Estimator::add(const Sample& told) {
    if (last_ && (told.at < last_->at || told.iteration < last_->iteration ||
                  (copies_memory(*last_) && !copies_memory(told)))) {
        return;
    }
    auto sample = told;
    sample.memory_remaining = std::min(told.memory_remaining, told.memory_total);
    if (sample.bandwidth.count > 0) {
        stream_.add(number(sample.bandwidth));
    }
    if (!last_ || copies_memory(sample) != copies_memory(*last_)) {
        progress_.clear();  // disks do not tell how fast memory will be
        began_ = sample.at;
    } else if (sample.iteration > last_->iteration) {
        begin_iteration(sample);
    } else {
        const auto time = seconds_between(last_->at, sample.at);
        const double sent = left_in(*last_) - left_in(sample);
        const bool uncounted = sent == 0 && time < kStandstill;
        if (time < kShortestWindow || uncounted) {
            return;  // the next one says it better
        }
        if (sent > 0 || time >= kStandstill) {
            progress_.add(std::max(0.0, sent) / time);
        }
    }
    if (last_ && sample.throttle_percent != last_->throttle_percent) {
        dirty_.scale(kept(sample.throttle_percent) / kept(last_->throttle_percent));
    }
    last_ = sample;
}

void Estimator::begin_iteration(const Sample& sample) {
    // Several at once: their beginnings were missed, and each took its part of the time.
    const double time = seconds_between(began_, sample.at) / (sample.iteration - last_->iteration);
    const double speed = progress_.empty() ? stream(0.5) : progress_.quantile(0.5);
    const double not_sent =
        std::max(0.0, left_in(*last_) - speed * seconds_between(last_->at, sample.at));
    if (time > 0) {
        dirty_.add(std::max(0.0, left_in(sample) - not_sent) / time);
    }
    if (last_->iteration == 0) {
        progress_.clear();  // zero pages took next to no time, and have been sent
    }
    began_ = sample.at;
}

double Estimator::stream(double share) const {
    return stream_.empty() ? number(expected_.bandwidth) : stream_.quantile(share);
}

std::optional<double> Estimator::dirty(double share) const {
    if (!dirty_.empty()) {
        return dirty_.quantile(share);
    }
    if (last_ && last_->dirty_rate.count > 0) {
        return number(last_->dirty_rate);
    }
    if (expected_.dirty_rate) {
        return number(*expected_.dirty_rate) * kMostExpected * share;
    }
    return std::nullopt;
}

Estimator::Rates Estimator::view(double luck) const {
    const double share = kQuarter + luck * (1 - 2 * kQuarter);
    Rates rates;
    rates.stream = stream(share);
    rates.now = progress_.empty() ? rates.stream : progress_.quantile(share);
    // How fast the full copy is says as much about zero pages as about the others.
    rates.later = last_->iteration == 0 && rates.stream > 0 ? rates.stream : rates.now;
    rates.dirty = last_->job == JobState::postcopy ? 0.0 : dirty(1 - luck).value_or(0.0);
    return rates;
}

/// Sends what is left of this iteration, then what was dirtied meanwhile, and so on: each is
/// shorter than the one before by the convergence ratio. Nothing when it is not.
std::optional<double> Estimator::seconds_left(const Rates& rates, milliseconds pause) const {
    if (rates.now <= 0) {
        return std::nullopt;
    }
    double time = 0;
    double left = left_in(*last_);
    double since = seconds_between(began_, last_->at);
    double speed = rates.now;
    if (!copies_memory(*last_)) {
        time = left / speed;  // disks first
        left = number(expected_.memory);
        since = 0;
        speed = rates.stream > 0 ? rates.stream : rates.now;
    }
    const double room = rates.stream * seconds_in(pause);
    const double before_room = std::max(0.0, left - room);
    const double first = before_room / speed;
    const double dirtied = rates.dirty * (since + first);
    const double too_much = std::max(0.0, std::min(left, room) + dirtied - room);
    const double ratio = rates.dirty / rates.later;
    if (too_much > 0 && ratio >= kConverges) {
        return std::nullopt;
    }
    const double others = too_much > 0 ? too_much / rates.later / (1 - ratio) : 0.0;
    const double last = std::min(left + dirtied, room) / rates.later;
    return time + first + others + last;
}

Forecast Estimator::forecast(milliseconds limit, milliseconds longest) const {
    Forecast forecast;
    if (!last_) {
        return forecast;
    }
    const auto time_in = [&](double luck) {
        const auto rates = view(luck);
        auto time = rounded(seconds_left(rates, limit));
        return time ? time : rounded(seconds_left(rates, longest));
    };
    const auto middle = view(0.5);
    if (dirty(0.5) && middle.later > 0) {
        forecast.convergence_ratio = middle.dirty / middle.later;
    }
    forecast.eta = time_in(0.5);
    forecast.endless = middle.now > 0 && !forecast.eta;
    if (!forecast.eta) {
        return forecast;
    }
    forecast.eta_low = std::min(*forecast.eta, time_in(1.0).value_or(*forecast.eta));
    if (const auto high = time_in(0.0); high && dirty(0.5)) {
        forecast.eta_high = std::max(*forecast.eta, *high);
    }
    return forecast;
}

}  // namespace vmigrate
