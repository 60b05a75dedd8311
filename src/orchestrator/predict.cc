// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/plan.h"

namespace vmigrate {
namespace {

/// Setting up the destination (process start, connection) and, after a disk copy, its end.
constexpr milliseconds kSetup{500};
/// Used when neither link nor history says anything.
constexpr BytesPerSecond kAssumedBandwidth{125'000'000};
constexpr std::uint64_t kMostBandwidth = std::uint64_t{1} << 40U;

struct Course {
    bool fits = false;  ///< what remains fits into the limit in force
    std::uint32_t iterations = 0;
    Bytes sent;
    milliseconds total{};
    milliseconds pause{};  ///< time to send what remains at the end
};

struct Load {
    Bytes full_copy;  ///< memory that is not zero
    BytesPerSecond dirty_rate;
};

milliseconds highest_limit(const Options& options) {
    return options.blackout_ceiling - options.switchover_reserve;
}

/// Plays the iterations with the same rule as the live policy: the downtime limit starts low and
/// goes up one step whenever an iteration stalls.
Course play(const Options& options, const Load& load, BytesPerSecond bandwidth) {
    Course course;
    Bytes remaining = load.full_copy;
    const auto most = highest_limit(options);
    auto limit = std::min(options.downtime_limit, most);
    const auto step = (most - limit) / options.downtime_steps;
    for (;;) {
        course.pause = time_to_send(remaining, bandwidth);
        course.fits = course.pause <= limit;
        if (course.fits || course.iterations >= options.max_iterations) {
            course.total += course.pause;
            course.sent += remaining;
            ++course.iterations;
            return course;
        }
        course.total += course.pause;
        course.sent += remaining;
        ++course.iterations;
        const auto next = std::min(load.full_copy, carried(load.dirty_rate, course.pause));
        const auto better = remaining * (1.0 - options.stall_percent / 100.0);
        if (next > better) {
            limit = std::min(most, limit + step);
            if (limit == most && next >= remaining && time_to_send(next, bandwidth) > most) {
                course.iterations = options.max_iterations;  // it only goes on like this
            }
        }
        remaining = next;
    }
}

/// Smallest value in [low, high] for which `good` holds; `good` is monotone.
template <class Predicate>
std::uint64_t least(std::uint64_t low, std::uint64_t high, Predicate good) {
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (good(middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

std::string confidence_of(const MemoryFacts& memory) {
    if (!memory.dirty_rate) {
        return "the dirty rate is not known: these are the figures of an idle guest, a lower bound";
    }
    return fmt::format(
        "dirty rate from {} of {}; it counts a page once however often it is written and leaves "
        "out memory blocks under 128 MiB, so hot pages and short bursts may be missed",
        format_time(memory.dirty_window), memory.dirty_method);
}

void explain(Prediction& prediction, const Options& options, const GuestFacts& guest,
             const MemoryFacts& memory, const Load& load, const Course& course) {
    auto& reasons = prediction.reasons;
    if (memory.pages_sampled > 0) {
        reasons.push_back(fmt::format(
            "{} of memory, {:.0f} % of {} sampled pages are zero, the others would shrink to "
            "{:.0f} % with lz4",
            format_bytes(guest.memory), memory.zero_share * 100, memory.pages_sampled,
            memory.compressed_share * 100));
    } else {
        reasons.push_back(
            fmt::format("{} of memory, content not sampled", format_bytes(guest.memory)));
    }
    reasons.push_back(fmt::format("the full copy sends {} at {}: {}", format_bytes(load.full_copy),
                                  format_rate(prediction.bandwidth),
                                  format_time(time_to_send(load.full_copy, prediction.bandwidth))));
    if (prediction.disk_sent.count > 0) {
        reasons.push_back(fmt::format(
            "before that, {} of disks are copied: {}", format_bytes(prediction.disk_sent),
            format_time(time_to_send(prediction.disk_sent, prediction.bandwidth))));
    }
    if (memory.dirty_rate) {
        reasons.push_back(fmt::format(
            "the guest dirties {}, {:.0f} % of the bandwidth", format_rate(*memory.dirty_rate),
            100.0 * static_cast<double>(memory.dirty_rate->count) /
                static_cast<double>(std::max<std::uint64_t>(1, prediction.bandwidth.count))));
    }
    if (course.fits) {
        reasons.push_back(
            fmt::format("what remains fits into the blackout ceiling ({}) after {} "
                        "iteration(s)",
                        format_time(options.blackout_ceiling), course.iterations));
    } else {
        reasons.push_back(fmt::format(
            "what remains never fits into the blackout ceiling ({}): it takes at least {} or a "
            "ceiling of {}",
            format_time(options.blackout_ceiling), format_rate(prediction.bandwidth_needed),
            format_time(prediction.ceiling_needed)));
    }
}

}  // namespace

Prediction predict(const Options& options, const GuestFacts& guest, const MemoryFacts& memory,
                   BytesPerSecond bandwidth, Bytes disk_to_copy) {
    Prediction prediction;
    if (guest.state == GuestState::shut_off) {
        prediction.reasons.emplace_back("only the definition moves");
        prediction.confidence = "certain";
        return prediction;
    }
    prediction.assumed = !memory.dirty_rate || bandwidth.count == 0;
    prediction.bandwidth = bandwidth.count == 0 ? kAssumedBandwidth : bandwidth;
    prediction.disk_sent = disk_to_copy;
    prediction.confidence = confidence_of(memory);
    if (bandwidth.count == 0) {
        prediction.reasons.push_back(
            fmt::format("neither link nor history tells the bandwidth; {} is assumed",
                        format_rate(kAssumedBandwidth)));
    }

    Load load{guest.memory * (1.0 - memory.zero_share),
              guest.state == GuestState::running ? memory.dirty_rate.value_or(BytesPerSecond{})
                                                 : BytesPerSecond{}};
    const auto course = play(options, load, prediction.bandwidth);
    prediction.converges = course.fits;
    prediction.iterations = course.iterations;
    prediction.memory_sent = course.sent;
    prediction.total = kSetup + course.total + time_to_send(disk_to_copy, prediction.bandwidth);
    prediction.blackout = guest.state == GuestState::running
                              ? course.pause + options.switchover_reserve
                              : milliseconds(0);
    if (!course.fits) {
        prediction.bandwidth_needed = {
            least(prediction.bandwidth.count, kMostBandwidth,
                  [&](std::uint64_t rate) { return play(options, load, {rate}).fits; })};
        prediction.ceiling_needed = milliseconds(static_cast<std::int64_t>(
            least(static_cast<std::uint64_t>(options.blackout_ceiling.count()), 3'600'000,
                  [&](std::uint64_t ceiling) {
                      auto wider = options;
                      wider.blackout_ceiling = milliseconds(static_cast<std::int64_t>(ceiling));
                      return play(wider, load, prediction.bandwidth).fits;
                  })));
    }
    explain(prediction, options, guest, memory, load, course);
    return prediction;
}

}  // namespace vmigrate
