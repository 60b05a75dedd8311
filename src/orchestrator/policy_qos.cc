// SPDX-License-Identifier: GPL-2.0-or-later
#include "orchestrator/policy_qos.h"

#include <fmt/format.h>

#include <algorithm>

namespace vmigrate {
namespace {

/// When little is dirty iterations end faster than a limit shows its effect.
constexpr milliseconds kShortestWindow{1000};
/// A mirror that keeps up is done when it finds nothing to do for a moment: that may take a while.
constexpr milliseconds kUntilDone{4000};
/// One measurement may be a burst: it does not take more than this off at once.
constexpr double kMostAtOnce = 0.25;
/// A disk that has this share of what the guest writes, or less, is not to blame.
constexpr double kBlameless = 0.1;
/// Memory needs some of the pause, too.
constexpr int kShareOfPause = 2;

bool fits(Bytes left, BytesPerSecond bandwidth, milliseconds downtime_limit) {
    return bandwidth.count > 0 && time_to_send(left, bandwidth) <= downtime_limit / kShareOfPause;
}

milliseconds since(TimePoint begin, TimePoint now) {
    return std::chrono::duration_cast<milliseconds>(now - begin);
}

BytesPerSecond rate(Bytes amount, milliseconds time) {
    return {amount.count * 1000 / static_cast<std::uint64_t>(time.count())};
}

}  // namespace

std::vector<QosDecision> QosPolicy::at_tick(const Sample& sample, milliseconds downtime_limit) {
    if (sample.stream_disks && sample.stream_disks->bulk_completed) {
        return stream(sample, downtime_limit);
    }
    std::vector<QosDecision> decisions;
    for (const auto& disk : sample.disks) {
        if (disk.mirror) {
            std::ranges::move(mirror(sample, disk, downtime_limit), std::back_inserter(decisions));
        }
    }
    return decisions;
}

std::vector<QosDecision> QosPolicy::stream(const Sample& sample, milliseconds downtime_limit) {
    const auto& now = *sample.stream_disks;
    std::vector<QosDecision> decisions;
    if (stream_) {
        const auto time = since(stream_->begin, sample.at);
        if (now.iterations == stream_->iterations || time < kShortestWindow) {
            return {};
        }
        const Iteration iteration{now.dirty, carried(sample.bandwidth, time),
                                  fits(now.dirty, sample.bandwidth, downtime_limit),
                                  "the copy of the disks"};
        decisions = judge(*stream_, sample.at, iteration, sample.disks);
    }
    stream_ = {sample.at, now.dirty, {}, now.iterations, {}};
    for (const auto& disk : sample.disks) {
        stream_->written[disk.target] = disk.written;
    }
    return decisions;
}

std::vector<QosDecision> QosPolicy::mirror(const Sample& sample, const DiskCopy& disk,
                                           milliseconds downtime_limit) {
    const auto& now = *disk.mirror;
    const auto known = mirrors_.find(disk.target);
    std::vector<QosDecision> decisions;
    if (known != mirrors_.end() && now.copied >= known->second.copied) {
        const auto& window = known->second;
        const auto time = since(window.begin, sample.at);
        const auto sent = now.copied - window.copied;
        auto& fastest = fastest_[disk.target];
        const bool little = fits(now.remaining, fastest, downtime_limit);
        if (sent < window.dirty || time < (little ? kUntilDone : kShortestWindow)) {
            return {};
        }
        fastest = std::max(fastest, rate(sent, time));
        // libvirt goes on to the memory only when nothing at all is left
        const Iteration iteration{now.remaining, sent,
                                  now.ready && fits(now.remaining, fastest, downtime_limit),
                                  "the copy of " + disk.target};
        decisions = judge(window, sample.at, iteration, {disk});
    } else if (now.remaining.count == 0) {
        return {};  // it has not begun
    }
    mirrors_[disk.target] = {
        sample.at, now.remaining, now.copied, 0, {{disk.target, disk.written}}};
    return decisions;
}

std::vector<QosDecision> QosPolicy::judge(const Window& window, TimePoint now,
                                          const Iteration& iteration,
                                          const std::vector<DiskCopy>& disks) {
    // After nothing at all anything is more: the next iteration tells.
    if (iteration.fits || window.dirty.count == 0 ||
        iteration.left <= window.dirty * (1.0 - options_.io_qos_stall_percent / 100.0)) {
        return {};
    }
    // At least one step; more when so much more became dirty than was sent. What becomes dirty goes
    // with what is written.
    double factor = 1.0 - options_.io_qos_step_percent / 100.0;
    if (iteration.sent.count > 0) {
        const auto sent = static_cast<double>(iteration.sent.count);
        const auto made_dirty = sent + static_cast<double>(iteration.left.count) -
                                static_cast<double>(window.dirty.count);
        const double enough = sent * (1.0 - options_.io_qos_stall_percent / 100.0);
        if (made_dirty > enough) {
            factor = std::min(factor, std::max(kMostAtOnce, enough / made_dirty));
        }
    }
    const auto why =
        fmt::format("an iteration of {} began with {} dirty and ended with {}", iteration.whose,
                    format_bytes(window.dirty), format_bytes(iteration.left));
    std::map<std::string, BytesPerSecond> rates;
    BytesPerSecond all;
    for (const auto& disk : disks) {
        const auto before = window.written.find(disk.target);
        if (before != window.written.end() && disk.written > before->second) {
            rates[disk.target] = rate(disk.written - before->second, since(window.begin, now));
            all.count += rates[disk.target].count;
        }
    }
    std::vector<QosDecision> decisions;
    for (const auto& disk : disks) {
        if (rates[disk.target] > all * kBlameless) {
            if (auto decision = step(disk, rates[disk.target], factor, why)) {
                decisions.push_back(std::move(*decision));
            }
        }
    }
    return decisions;
}

std::optional<QosDecision> QosPolicy::step(const DiskCopy& disk, BytesPerSecond rate, double factor,
                                           const std::string& why) {
    auto& held = held_[disk.target];
    const auto now = std::min(held.limit.value_or(rate), rate);
    auto next = now * factor;
    if (!held.limit && options_.io_qos_start.count > 0) {
        next = std::min(next, options_.io_qos_start);
    }
    next = std::max(next, options_.io_qos_floor);
    if (next >= held.limit.value_or(rate)) {
        if (std::exchange(held.exhausted, true)) {
            return std::nullopt;
        }
        return QosDecision{QosDecision::Kind::exhausted, disk.target, options_.io_qos_floor, why};
    }
    held.before = std::exchange(held.limit, next);
    return QosDecision{QosDecision::Kind::limit, disk.target, next,
                       fmt::format("{}; the guest wrote {}", why, format_rate(rate))};
}

void QosPolicy::not_set(const std::string& target) {
    auto& held = held_[target];
    held.limit = held.before;
}

}  // namespace vmigrate
